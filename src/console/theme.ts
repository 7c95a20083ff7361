// Dark or light: as the system is set, unless somebody has chosen here.
type Theme = 'light' | 'dark';

const key = 'keelson.theme';

const chosen = (): Theme | undefined => {
  const kept = localStorage.getItem(key);
  return kept === 'light' || kept === 'dark' ? kept : undefined;
};

const current = (): Theme => chosen() ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

export function applyTheme(): void {
  const theme = chosen();
  if (theme === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function toggleTheme(): void {
  localStorage.setItem(key, current() === 'dark' ? 'light' : 'dark');
  applyTheme();
}
