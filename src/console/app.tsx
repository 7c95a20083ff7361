// The frame around every view: where one can go, whether the page is live, and who may see it.
import { useEffect, useRef, useState } from 'preact/hooks';

import { enterToken, follow } from './client.ts';
import { News } from './live.ts';
import { usePlace } from './place.ts';
import { toggleTheme } from './theme.ts';
import { viewOf, views } from './views/index.tsx';

export function App() {
  const place = usePlace();
  const [unknown, setUnknown] = useState(false);
  const { news, live } = useNews();
  const view = viewOf(place);
  const main = useRef<HTMLElement>(null);
  useUnknown(setUnknown);
  const opened = place.path.join('/');
  useEffect(() => {
    document.title = `${view.title(place)} · Keelson`;
    main.current?.scrollTo(0, 0);
  }, [opened]);
  return (
    <News.Provider value={news}>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="#/">
          <img src="/console/icon.svg" alt="" width="22" height="22" />
          <span>Keelson</span>
        </a>
        <nav aria-label="Views">
          {views
            .filter(({ label }) => label !== undefined)
            .map(({ name, label, groups }) => (
              <a
                key={name}
                href={`#/${name}`}
                {...(groups.includes(place.path[0] ?? '') && { 'aria-current': 'page' })}
              >
                {label}
              </a>
            ))}
        </nav>
        <span class={`live ${live ? 'on' : 'off'}`} role="status">
          {live ? 'live' : 'not connected'}
        </span>
        <button type="button" class="plain" onClick={toggleTheme} aria-label="Dark or light">
          ◐
        </button>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {unknown ? <Login /> : <view.View key={opened} place={place} />}
      </main>
    </News.Provider>
  );
}

function useNews(): { readonly news: number; readonly live: boolean } {
  const [news, setNews] = useState(0);
  const [live, setLive] = useState(false);
  const [session, setSession] = useState(0);
  useEffect(() => {
    const stopping = new AbortController();
    const again = (): void => setSession((number) => number + 1);
    addEventListener('keelson:token', again);
    void follow(() => setNews((number) => number + 1), setLive, stopping.signal);
    return () => {
      stopping.abort();
      removeEventListener('keelson:token', again);
    };
  }, [session]);
  return { news, live };
}

function useUnknown(setUnknown: (unknown: boolean) => void): void {
  useEffect(() => {
    const unknown = (): void => setUnknown(true);
    const known = (): void => setUnknown(false);
    addEventListener('keelson:unknown', unknown);
    addEventListener('keelson:token', known);
    return () => {
      removeEventListener('keelson:unknown', unknown);
      removeEventListener('keelson:token', known);
    };
  }, []);
}

function Login() {
  const [token, setToken] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    enterToken(token);
  };
  return (
    <form class="login panel" onSubmit={submit}>
      <h1>Who is asking?</h1>
      <p>
        The console shows the mesh to service accounts of the system's namespace, and to others the proxies of their
        own. A token that ends by itself:
      </p>
      <pre>kubectl -n istio-system create token istiod --audience istio-ca</pre>
      <label>
        Token
        <input
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Enter</button>
    </form>
  );
}
