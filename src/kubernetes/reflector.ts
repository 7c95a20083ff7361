// All objects of one resource, kept up to date: listed once, then watched, resumed where the watch broke off, and listed
// again only when the server no longer knows what has changed since. Only a list that was received whole counts as the
// truth; until there is one, whatever was known stays.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
// https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
import type { ObjectKey } from '../model/object.ts';
import type { ApiError } from './api-error.ts';
import type { KubernetesClient, Selection, WatchOptions } from './client.ts';
import type { Pace } from './pace.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';
import type { WatchEvent } from './watch-stream.ts';
import { objectKey } from '../model/object.ts';
import { apiErrorOf, connectionFault, isApiError, isExpired, isForbidden, isNotFound } from './api-error.ts';
import { defaultPace, pause, retryDelay, watchSeconds } from './pace.ts';

/** `value` is absent where the object is gone. */
export interface Change<T> {
  readonly key: ObjectKey;
  readonly value: T | undefined;
}

/** Whether what is known is kept up to date, and if not, why. */
export type ReflectorState = { readonly kind: 'following' } | FollowingFault;

/** The server says that we may not, says something else, or cannot be reached. */
export interface FollowingFault {
  readonly kind: 'denied' | 'failing' | 'unreachable';
  readonly reason: string;
}

export interface ReflectorOptions<T> {
  readonly client: Pick<KubernetesClient, 'list' | 'watch'>;
  readonly resource: ResourceType;
  readonly selection?: Selection;
  /** `read` needs nothing but metadata. */
  readonly metadataOnly?: boolean;
  /** What is kept of an object, made as it arrives. */
  readonly read: (object: KubernetesObject) => T;
  /** Everything there is. */
  readonly replace: (objects: ReadonlyMap<ObjectKey, T>) => void;
  /** What is different now, in the order in which it happened. */
  readonly change: (changes: readonly Change<T>[]) => void;
  readonly onState?: (state: ReflectorState) => void;
  readonly signal: AbortSignal;
  readonly pace?: Partial<Pace>;
}

/** Runs until `signal` ends it, or until the server says that it does not serve the resource. */
export async function reflect<T>(options: ReflectorOptions<T>): Promise<'ended' | 'not served'> {
  return new Reflector(options).run();
}

const initialEventsEnd = 'k8s.io/initial-events-end';
const pageSizes = [500, 5000, undefined] as const;
/** After so many failures in a row the place to resume from is no longer trusted. */
const trustedFailures = 3;
/** After so many denials in a row they are meant: a server that has just started denies everybody everything for a moment. */
const earnestDenials = 5;

class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #pace: Pace;
  /** Where the next watch begins; without it everything is listed. */
  #resume: string | undefined;
  /** The server streams lists, until it has said otherwise. */
  #streams = true;
  /** Failures since something last went well, those of them that the server told us of, and denials in a row. */
  #failures = 0;
  #answered = 0;
  #denials = 0;
  #state = '';

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#pace = { ...defaultPace, ...options.pace };
  }

  async run(): Promise<'ended' | 'not served'> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        if (this.#resume === undefined && !this.#streams) await this.#listPages();
        await this.#watch();
        // The server ends watches in good order: the next begins at once, unless they end as soon as they begin.
        if (performance.now() - began >= this.#pace.shortestWatchMs) this.#failures = 0;
        else await pause(retryDelay(this.#failures++, this.#pace), signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!isApiError(error)) throw error;
        if (isNotFound(error)) return 'not served';
        if (performance.now() - began >= this.#pace.shortestWatchMs) this.#failures = 0;
        await this.#recover(error);
      }
    }
    return 'ended';
  }

  async #listPages(): Promise<void> {
    const { client, resource, selection, metadataOnly, read, signal } = this.#options;
    for (const limit of pageSizes) {
      const objects = new Map<ObjectKey, T>();
      let next: string | undefined;
      try {
        do {
          const page = await client.list(resource, {
            ...selection,
            signal,
            ...(metadataOnly === true && { metadataOnly }),
            ...(limit !== undefined && { limit }),
            ...(next !== undefined && { continue: next }),
          });
          for (const item of page.items) objects.set(keyOf(item), read(item));
          next = page.continue;
          this.#resume = next === undefined ? page.resourceVersion : undefined;
        } while (next !== undefined);
        return this.#replace(objects);
      } catch (error) {
        // Turning the pages took longer than the server remembers: fewer pages.
        if (next === undefined || !isExpired(error)) throw error;
      }
    }
    throw connectionFault('Unreadable', 'the list changes faster than it can be read');
  }

  async #watch(): Promise<void> {
    if (this.#resume !== undefined) {
      for await (const events of this.#events(this.#options.signal, { resourceVersion: this.#resume }))
        this.#follow(events);
    } else if (!(await this.#listAndWatch())) this.#streams = false;
  }

  /** Resolves when the watch is over, to whether it began with a list. */
  async #listAndWatch(): Promise<boolean> {
    // A server that knows nothing of streaming lists never says that one is complete.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#pace.initialListSeconds * 1000).unref();
    let listed: Map<ObjectKey, T> | undefined = new Map<ObjectKey, T>();
    const signal = AbortSignal.any([this.#options.signal, patience.signal]);
    try {
      for await (const events of this.#events(signal, { sendInitialEvents: true })) {
        if (listed === undefined) this.#follow(events);
        else if (this.#collect(events, listed)) {
          listed = undefined;
          clearTimeout(timer);
        }
      }
    } catch (error) {
      if (!patience.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
    return listed === undefined;
  }

  #events(
    signal: AbortSignal,
    from: Pick<WatchOptions, 'sendInitialEvents' | 'resourceVersion'>,
  ): AsyncIterable<readonly WatchEvent[]> {
    const { client, resource, selection, metadataOnly } = this.#options;
    return client.watch(resource, {
      ...selection,
      ...from,
      signal,
      ...(metadataOnly === true && { metadataOnly }),
      timeoutSeconds: watchSeconds(this.#pace),
    });
  }

  /** Adds to `listed`. True when that is complete; what comes after it in `events` is followed already. */
  #collect(events: readonly WatchEvent[], listed: Map<ObjectKey, T>): boolean {
    for (const [index, { type, object }] of events.entries()) {
      if (type === 'ERROR') throw apiErrorOf(0, object);
      if (type === 'DELETED') listed.delete(keyOf(object));
      else if (type !== 'BOOKMARK') listed.set(keyOf(object), this.#options.read(object));
      else if (object.metadata.annotations?.[initialEventsEnd] === 'true') {
        this.#resume = object.metadata.resourceVersion;
        this.#replace(listed);
        this.#follow(events.slice(index + 1));
        return true;
      }
    }
    return false;
  }

  #follow(events: readonly WatchEvent[]): void {
    const changes: Change<T>[] = [];
    let error: KubernetesObject | undefined;
    for (const { type, object } of events) {
      if (type === 'ERROR') {
        error = object;
        break;
      }
      if (type !== 'BOOKMARK')
        changes.push({ key: keyOf(object), value: type === 'DELETED' ? undefined : this.#options.read(object) });
      this.#resume = object.metadata.resourceVersion ?? this.#resume;
      this.#answered = 0;
    }
    if (changes.length > 0) this.#options.change(changes);
    if (error !== undefined) throw apiErrorOf(0, error);
    this.#denials = 0;
    this.#report({ kind: 'following' });
  }

  #replace(objects: ReadonlyMap<ObjectKey, T>): void {
    this.#options.replace(objects);
    this.#answered = 0;
    this.#denials = 0;
    this.#report({ kind: 'following' });
  }

  async #recover(error: ApiError): Promise<void> {
    const { signal } = this.#options;
    const streaming = this.#resume === undefined && this.#streams;
    if (streaming && (error.status === 422 || error.status === 400)) {
      this.#streams = false;
      return undefined;
    }
    if (error.status > 0) this.#answered++;
    this.#denials = isForbidden(error) ? this.#denials + 1 : 0;
    if (isExpired(error) || (this.#answered >= trustedFailures && !isForbidden(error))) this.#resume = undefined;
    // The first attempt to resume is not delayed: most breaks are of the connection alone.
    if (this.#failures > 0) this.#report(faultOf(error, this.#denials));
    const pace = { ...this.#pace, longestMs: longestPause(error, this.#pace) };
    const asked = Math.min((error.retryAfterSeconds ?? 0) * 1000, pace.longestMs);
    return pause(Math.max(retryDelay(this.#failures++, pace), asked), signal);
  }

  #report(state: ReflectorState): void {
    const text = 'reason' in state ? `${state.kind} ${state.reason}` : state.kind;
    if (text === this.#state) return;
    this.#state = text;
    this.#options.onState?.(state);
  }
}

/** `error` as the state of who follows, the last of so many `denials` in a row. */
export function faultOf(error: ApiError, denials: number): FollowingFault {
  const reason = error.message;
  if (error.status === 0) return { kind: 'unreachable', reason };
  return { kind: isForbidden(error) && denials >= earnestDenials ? 'denied' : 'failing', reason };
}

function longestPause(error: ApiError, { unreachableMs, deniedMs, longestMs }: Pace): number {
  if (error.status === 0) return unreachableMs;
  return isForbidden(error) ? deniedMs : longestMs;
}

const keyOf = ({ metadata }: KubernetesObject): ObjectKey => objectKey(metadata.namespace ?? '', metadata.name ?? '');
