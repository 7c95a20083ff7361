// The demo's table, a row at a time, as a terminal or a log shows it.

export interface Row {
  readonly step: string;
  readonly file: string;
  readonly seen: string;
  readonly ok: boolean;
}

const stepWidth = 25;
const fileWidth = 21;

export function header(): string {
  const titles = `${'what'.padEnd(stepWidth)}${'file'.padEnd(fileWidth)}${'ok?'.padEnd(6)}what was seen`;
  return `${titles}\n${'─'.repeat(110)}`;
}

/** Long texts continue below themselves. */
export function formatRow({ step, file, seen, ok }: Row, colors: boolean): string {
  const verdict = ok ? 'ok' : 'FAIL';
  const painted = colors ? `\u001b[${ok ? 32 : 31}m${verdict}\u001b[0m` : verdict;
  const [first = '', ...rest] = seen.split('\n');
  const margin = ' '.repeat(stepWidth + fileWidth + 6);
  const line = `${step.padEnd(stepWidth)}${file.padEnd(fileWidth)}${painted}${' '.repeat(6 - verdict.length)}${first}`;
  return [line, ...rest.map((text) => `${margin}${text}`)].join('\n');
}
