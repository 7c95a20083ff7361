// The latest pushes: what caused each, what was sent, and how long until the last proxy had answered. Told by what the
// server observes, which knows responses but not causes: what is sent after a change counts as the change's until all
// is answered, and what is sent out of silence is a push of its own, of proxies that came.
import type { Push, PushCause } from '../../model/proxy/push.ts';
import type { TypeUrl } from '../../model/envoy/resource.ts';
import { changedKeys } from '../../model/patched-map.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { kinds } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { XdsObserver } from '../../xds/observer.ts';

/** Is told what becomes of changes. Times are milliseconds since 1970. */
export interface PushWatcher {
  /** `since`: when reading began. */
  readonly changed?: (push: Push, causes: readonly PushCause[], since: number) => void;
  readonly translated?: (push: Push, since: number) => void;
  readonly sent?: (push: Push, response: PushResponse) => void;
  readonly answered?: (answer: PushAnswer) => void;
  /** All responses so far are answered; proxies may have asked for more since. */
  readonly settled?: (push: Push) => void;
}

export interface PushResponse {
  readonly connection: string;
  readonly type: TypeUrl;
  readonly resources: number;
  readonly bytes: number;
  /** Milliseconds that making it took. */
  readonly took: number;
}

/** To the one response of that type on that connection that was not answered. */
export interface PushAnswer {
  readonly connection: string;
  readonly type: TypeUrl;
  readonly accepted: boolean;
}

type Recording = { -readonly [K in keyof Push]: Push[K] } & { touchedAt: number };

const mostPushes = 100;
const mostCauses = 20;
/** After that many milliseconds nobody answers any more: the proxy has gone. */
const patience = 30_000;
/** After that many milliseconds of silence a change to which nothing was sent has come to nothing: the next is another. */
const gathering = 5000;

export class PushHistory {
  readonly #now: () => number;
  readonly #watchers: readonly PushWatcher[];
  readonly #listeners = new Set<() => void>();
  #pushes: Recording[] = [];
  #ids = 0;

  constructor(now: () => number = Date.now, ...watchers: readonly PushWatcher[]) {
    this.#now = now;
    this.#watchers = watchers;
  }

  /** The latest first; those that came to nothing are left out. */
  latest(): readonly Push[] {
    return this.#pushes.filter(({ responses, causes }) => responses > 0 || causes.length > 0).toReversed();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Objects are others now; what proxies get for it follows. */
  changed(before: Snapshot, after: Snapshot, since: number = this.#now()): void {
    const causes = changes(before, after);
    if (causes.length === 0) return;
    const last = this.#pushes.at(-1);
    const isOpen = last?.responses === 0 && this.#now() - last.touchedAt < gathering;
    const push = isOpen ? last : this.#begin();
    push.touchedAt = this.#now();
    push.more += Math.max(0, push.causes.length + causes.length - mostCauses);
    push.causes = [...push.causes, ...causes].slice(0, mostCauses);
    for (const { changed } of this.#watchers) changed?.(push, causes, since);
    this.touch();
  }

  /** What the mesh means now is known. */
  translated(since: number): void {
    const push = this.#ongoing();
    if (push !== undefined) for (const { translated } of this.#watchers) translated?.(push, since);
  }

  readonly sent = (type: TypeUrl, resources: number, bytes: number, took = 0, connection = ''): void => {
    const push = this.#ongoing() ?? this.#begin();
    push.responses++;
    push.open++;
    push.resources += resources;
    push.bytes += bytes;
    push.touchedAt = this.#now();
    for (const { sent } of this.#watchers) sent?.(push, { connection, type, resources, bytes, took });
    this.touch();
  };

  readonly settled = (type: TypeUrl, accepted: boolean, after: number, connection = ''): void => {
    const now = this.#now();
    for (const { answered } of this.#watchers) answered?.({ connection, type, accepted });
    const push = this.#pushes.findLast(({ at, open }) => open > 0 && at <= now - after) ?? this.#ongoing();
    if (push === undefined) return;
    push.open = Math.max(0, push.open - 1);
    if (!accepted) push.rejected++;
    push.settledAfter = now - push.at;
    push.touchedAt = now;
    this.touch();
    this.#tell(push);
  };

  /** The number of the change that proxies are being told. */
  current(): number | undefined {
    return this.#ongoing()?.id;
  }

  /** What an answer sets off is sent before the turn of the event loop is over. */
  #tell(push: Recording): void {
    const { responses } = push;
    if (push.open === 0)
      queueMicrotask(() => {
        if (push.open === 0 && push.responses === responses) for (const { settled } of this.#watchers) settled?.(push);
      });
  }

  /** What `other` is told, and this as well. */
  beside(other: XdsObserver): XdsObserver {
    return {
      ...other,
      sent: (...event) => (other.sent(...event), this.sent(...event)),
      settled: (...event) => (other.settled(...event), this.settled(...event)),
    };
  }

  /** Something that pages show has changed. */
  touch(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The one whose next responses are still to come: an answer is followed by the next type within a moment. */
  #ongoing(): Recording | undefined {
    const last = this.#pushes.at(-1);
    if (last === undefined) return undefined;
    const silence = this.#now() - last.touchedAt;
    return silence < (last.open > 0 || last.responses === 0 ? patience : 1000) ? last : undefined;
  }

  #begin(): Recording {
    const at = this.#now();
    const none = { causes: [], more: 0, responses: 0, resources: 0, bytes: 0, rejected: 0, open: 0 };
    const push: Recording = { id: ++this.#ids, at, touchedAt: at, settledAfter: undefined, ...none };
    this.#pushes = [...this.#pushes, push].slice(-mostPushes);
    return push;
  }
}

/** What differs, kind by kind; of kinds that did not change nothing is looked at. */
function changes({ objects: before }: Snapshot, { objects: after }: Snapshot): readonly PushCause[] {
  return kinds.flatMap((kind) => {
    const [old, fresh]: readonly ReadonlyMap<string, { readonly source: SourceRef }>[] = [before[kind], after[kind]];
    if (old === undefined || fresh === undefined || old === fresh) return [];
    return changedKeys(old, fresh).flatMap((key): PushCause[] => {
      const [was, is] = [old.get(key), fresh.get(key)];
      if (is === undefined) return was === undefined ? [] : [{ change: 'removed', object: was.source }];
      return [{ change: was === undefined ? 'added' : 'changed', object: is.source }];
    });
  });
}
