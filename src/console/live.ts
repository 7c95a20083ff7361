// Answers that stay up to date: asked again with every piece of news, and kept on show meanwhile.
import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import type { Query } from './client.ts';
import { ask } from './client.ts';

/** Counts up with every piece of news. */
export const News = createContext(0);

export interface Live<T> {
  readonly data: T | undefined;
  /** What is missing in it. */
  readonly warnings: readonly string[];
  readonly error: string | undefined;
}

/** undefined as `name`: nothing is asked. News of what is being asked for just now waits for the answer. */
export const useLive = <T>(name: string | undefined, query: Query = {}): Live<T> =>
  useAnswer<T>(name, query, useContext(News));

/** What the daemon says of something that stays as it is. */
export const useOnce = <T>(name: string | undefined, query: Query): Live<T> => useAnswer<T>(name, query, 0);

function useAnswer<T>(name: string | undefined, query: Query, news: number): Live<T> {
  const [live, setLive] = useState<Live<T>>({ data: undefined, warnings: [], error: undefined });
  const asking = useRef<Asking>(undefined);
  const question = `${name}?${new URLSearchParams(query)}`;
  // Other effects wait for the next frame; an answer that is asked for at once may be in it.
  useLayoutEffect(() => {
    if (name === undefined) return;
    if (asking.current?.question === question) return void (asking.current.again = true);
    asking.current?.stopping.abort();
    const current: Asking = { question, stopping: new AbortController(), again: false };
    asking.current = current;
    const { signal } = current.stopping;
    const show = (answer: (before: Live<T>) => Live<T>): void => void (signal.aborted || setLive(answer));
    const run = async (): Promise<void> => {
      do {
        current.again = false;
        await ask<T>(name, query, signal).then(
          (answer) => show(() => ({ ...answer, error: undefined })),
          (error: Error) => show((before) => ({ ...before, error: error.message })),
        );
      } while (current.again && !signal.aborted);
      if (asking.current === current) asking.current = undefined;
    };
    void run();
  }, [question, news]);
  useEffect(() => () => asking.current?.stopping.abort(), []);
  return live;
}

interface Asking {
  readonly question: string;
  readonly stopping: AbortController;
  /** There is news since it was asked. */
  again: boolean;
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
