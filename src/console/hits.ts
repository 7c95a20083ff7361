// What is found in a proxy's configuration, as it is found: the daemon looks through a stretch at a time, and goes on when it is
// asked to.
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import type { Hit, Hits } from '../admin/console/api.ts';
import { ask } from './client.ts';
import { News } from './live.ts';

export interface Found {
  readonly hits: readonly Hit[];
  readonly state: 'looking' | 'complete' | 'enough';
  readonly error: string | undefined;
}

const none: Found = { hits: [], state: 'looking', error: undefined };
/** Of a list that is still read. */
const mostHits = 200;

interface Looking {
  readonly question: string;
  readonly stopping: AbortController;
  isDone: boolean;
  /** There is news since it began. */
  again: boolean;
}

/** With news it looks anew, and shows what it had until everything is found again. */
export function useHits(proxy: string, search: string): Found {
  const news = useContext(News);
  const [found, setFound] = useState(none);
  const looking = useRef<Looking>(undefined);
  const question = `${proxy} ${search}`;
  useLayoutEffect(() => {
    const before = looking.current;
    const isNew = before?.question !== question;
    if (!isNew && !before.isDone) return void (before.again = true);
    before?.stopping.abort();
    if (isNew) setFound(none);
    const current: Looking = { question, stopping: new AbortController(), isDone: false, again: false };
    looking.current = current;
    void keepLooking(proxy, search, current, setFound, isNew);
  }, [question, news]);
  useEffect(() => () => looking.current?.stopping.abort(), []);
  return found;
}

async function keepLooking(
  proxy: string,
  search: string,
  looking: Looking,
  show: (found: Found) => void,
  isNew: boolean,
): Promise<void> {
  const { signal } = looking.stopping;
  for (let showsParts = isNew; ; showsParts = false) {
    looking.again = false;
    await look(proxy, search, signal, (part) => {
      if (!signal.aborted && (showsParts || part.state !== 'looking')) show(part);
    });
    if (!looking.again || signal.aborted) break;
  }
  looking.isDone = true;
}

async function look(proxy: string, search: string, signal: AbortSignal, show: (found: Found) => void): Promise<void> {
  const hits: Hit[] = [];
  try {
    for (let after: number | undefined, begun = false; !begun || after !== undefined; begun = true) {
      const { data: answer } = await ask<Hits>(
        'search',
        { proxy, search, after: after === undefined ? '' : String(after) },
        signal,
      );
      hits.push(...answer.hits);
      after = hits.length < mostHits ? answer.next : undefined;
      const state = after !== undefined ? 'looking' : answer.complete ? 'complete' : 'enough';
      show({ hits: hits.slice(0, mostHits), state, error: undefined });
    }
  } catch (error) {
    show({ hits, state: 'enough', error: (error as Error).message });
  }
}
