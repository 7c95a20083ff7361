// Which view is open: it stands in the address's fragment, `#/proxy/web-1.shop?kind=cluster`, so that every view can be
// linked to and the browser's history works.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  /** `['proxy', 'web-1.shop']`; empty for the first view. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decoded),
    query: new URLSearchParams(query),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The link to a view; what is empty is left out of its query. */
export function link(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const wanted = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(wanted).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return placeOf(hash);
}

/** Another query for the same view, without a step in the history. */
export function replaceQuery(place: Place, changes: Readonly<Record<string, string>>): void {
  history.replaceState(null, '', link(place.path, { ...Object.fromEntries(place.query), ...changes }));
  dispatchEvent(new Event('hashchange'));
}
