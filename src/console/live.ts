// Answers that stay up to date: asked again with every piece of news, and kept on show meanwhile.
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';

import type { Query } from './client.ts';
import { ask } from './client.ts';

/** Counts up with every piece of news. */
export const News = createContext(0);

export interface Live<T> {
  readonly data: T | undefined;
  readonly error: string | undefined;
}

/** undefined as `name`: nothing is asked. */
export function useLive<T>(name: string | undefined, query: Query = {}): Live<T> {
  const news = useContext(News);
  const [live, setLive] = useState<Live<T> & { readonly of: string }>({ data: undefined, error: undefined, of: '' });
  const question = `${name}?${new URLSearchParams(query)}`;
  useEffect(() => {
    if (name === undefined) return undefined;
    const stopping = new AbortController();
    ask<T>(name, query, stopping.signal).then(
      (data) => stopping.signal.aborted || setLive({ data, error: undefined, of: question }),
      (error: Error) =>
        stopping.signal.aborted ||
        setLive(({ data, of }) => ({ data: of === question ? data : undefined, error: error.message, of: question })),
    );
    return () => stopping.abort();
  }, [question, news]);
  return live;
}

/** Now, again every few seconds, for what is told as an age. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
