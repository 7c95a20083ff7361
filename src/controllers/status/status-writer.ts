// Writes statuses: only where something else stands there, only over the version that was looked at, and never what is nobody's
// news. What changes often and means little, such as a count, is written now and then; what somebody else changes comes back.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/#object-spec-and-status
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { WantedResource } from '../../kubernetes/discovery.ts';
import type { KubernetesObject, ObjectRef, ResourceType } from '../../kubernetes/resource.ts';
import type { Reconciler } from '../reconciler.ts';
import type { Status, StatusOwnership } from './merged-status.ts';
import { isConflict, isNotFound } from '../../kubernetes/api-error.ts';
import { servedResource } from '../../kubernetes/discovery.ts';
import { reconciler } from '../reconciler.ts';
import { fieldManager } from '../resources.ts';
import { Disputes } from './disputes.ts';
import { isWritten, mergedStatus } from './merged-status.ts';

export interface WantedStatus {
  readonly resource: WantedResource;
  readonly ref: ObjectRef;
  /** Which object it is about: one that was deleted and made again under its name has no status yet. */
  readonly uid: string | undefined;
  /** Which version of the object it is about; undefined for whichever there is. */
  readonly generation: number | undefined;
  readonly status: Status;
  readonly owned: StatusOwnership;
  /** What is written at once when it changes; absent: all of it. */
  readonly news?: string;
  /** It will pass, and is told only if it lasts: ever, or of a version of the object of which something else was said. */
  readonly transient?: 'in every version' | 'in one version';
}

export interface StatusWriterOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'list' | 'patch' | 'read'>;
  readonly signal: AbortSignal;
  readonly onFault: (object: string, error: unknown) => void;
  /** How long what is no news may wait, and what is transient, in milliseconds. */
  readonly patienceMs?: number;
  readonly settleMs?: number;
  readonly now?: () => number;
}

/** The last that was to be written to an object. */
interface Known {
  readonly text: string;
  readonly wanted: WantedStatus;
}

interface Looked {
  readonly version: number;
  /** What is needed of it; absent while it is written to, and after it turned out to be another by then. */
  readonly object?: KubernetesObject;
}

const pageSize = 500;
/** Whoever changes more objects at once than that costs a look at each. */
const mostSeen = 200;
/** So many objects are told of a mere count within the patience for that, and of more each is told more rarely. */
const mostCounted = 150;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #work: Reconciler;
  readonly #now: () => number;
  #wanted: ReadonlyMap<string, WantedStatus> = new Map();
  readonly #known = new Map<string, Known>();
  /** Still to be looked at. */
  readonly #due = new Set<string>();
  /** Each object as it was last looked at, or written: what the next write goes over, unless somebody else is faster. */
  readonly #looked = new Map<string, Looked>();
  /** What the server made of what was written last, where it left something out: its definition may have fewer fields. */
  readonly #pruned = new Map<string, string>();
  readonly #disputes = new Disputes();
  /** When they are looked at again, by our own clock. */
  readonly #waiting = new Map<string, number>();
  /** Objects as they were listed at the beginning, each for one look. */
  readonly #listed = new Map<string, KubernetesObject>();
  /** Objects that have been told of since statuses were wanted last, by their keys: each for one look. */
  readonly #seen = new Map<string, KubernetesObject>();
  /** What is being written to, with the object as the server told of it meanwhile: most often as we have just written it. */
  readonly #writing = new Map<string, KubernetesObject | undefined>();
  readonly #resources = new Map<string, Promise<ResourceType | undefined>>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#work = reconciler({
      reconcile: (key) => this.#write(key),
      signal: options.signal,
      // Who was faster is looked at again.
      onFault: (object, error) => isConflict(error) || options.onFault(object, error),
      parallel: 4,
    });
  }

  /** All statuses there are to be. What is as before costs nothing. */
  want(wanted: ReadonlyMap<string, WantedStatus>): void {
    this.#wanted = wanted;
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#forget(key);
    const due = [...wanted].filter(([key, status]) => this.#isDue(key, status));
    const unlisted = [...new Set(due.map(([, { resource }]) => resource))].filter(
      (resource) => !this.#resources.has(nameOf(resource)),
    );
    const listing = unlisted.map((resource) => this.#list(resource));
    for (const [key] of due) this.#due.add(key);
    for (const key of this.#seen.keys()) if (!this.#due.has(key)) this.#seen.delete(key);
    const add = (): void => this.#work.add(due.map(([key]) => key));
    if (listing.length === 0) return add();
    Promise.all(listing).then(add, (error: unknown) => {
      this.#options.onFault('all', error);
      // One by one, then.
      add();
    });
  }

  /** The object as it is now: if what was written does not stand there any more, it is written again. */
  seen(key: string, object: KubernetesObject): void {
    if (this.#writing.has(key)) return void this.#writing.set(key, object);
    // What has been looked at, or written by us, has been told late.
    if (versionOf(object) <= (this.#looked.get(key)?.version ?? 0)) return;
    this.#keep(key, object);
    const known = this.#known.get(key);
    // What is still to be looked at is looked at as it is then.
    if (known === undefined || this.#due.has(key)) return;
    if (this.#isOfAnother(known.wanted, object)) return;
    if (this.#isInForce(key, known.wanted, object)) return this.#look(key, object);
    this.#due.add(key);
    this.#wait(key, this.#disputes.raised(key, this.#now()));
  }

  #look(key: string, object: KubernetesObject): void {
    const { resourceVersion = '', generation, uid } = object.metadata;
    const metadata = { resourceVersion, ...(generation !== undefined && { generation }), ...(uid && { uid }) };
    this.#looked.set(key, { version: versionOf(object), object: { metadata, status: statusOf(object) } });
    this.#seen.delete(key);
  }

  #keep(key: string, object: KubernetesObject): void {
    this.#seen.set(key, object);
    const looked = this.#looked.get(key);
    if (looked !== undefined) this.#looked.set(key, { version: looked.version });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > mostSeen && oldest !== undefined) this.#seen.delete(oldest);
  }

  #forget(key: string): void {
    this.#known.delete(key);
    this.#due.delete(key);
    this.#looked.delete(key);
    this.#pruned.delete(key);
    this.#disputes.forget(key);
    this.#seen.delete(key);
  }

  /** What there is to say of a newer version, or of another object of that name, will be said once it is known. */
  #isOfAnother({ uid, generation }: WantedStatus, { metadata }: KubernetesObject): boolean {
    const isNewer = generation !== undefined && (metadata.generation ?? 0) > generation;
    return isNewer || (uid !== undefined && metadata.uid !== uid);
  }

  #isInForce(key: string, wanted: WantedStatus, object: KubernetesObject): boolean {
    const current = statusOf(object);
    return JSON.stringify(current) === this.#pruned.get(key) || isWritten(this.#merged(wanted, object), current);
  }

  #merged({ status, owned }: WantedStatus, object: KubernetesObject): Status {
    const now = new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return mergedStatus(statusOf(object), status, owned, now);
  }

  #isDue(key: string, wanted: WantedStatus): boolean {
    const { news, generation, transient } = wanted;
    const known = this.#known.get(key);
    if (known?.wanted === wanted) return false;
    const text = textOf(wanted);
    if (known?.text === text) return false;
    const isNews = news === undefined || news !== known?.wanted.news;
    const isPassing =
      transient === 'in every version' || (transient === 'in one version' && known?.wanted.generation === generation);
    if (isNews && !isPassing) {
      this.#known.set(key, { text, wanted });
      return true;
    }
    const { patienceMs = 30_000, settleMs = 5000 } = this.#options;
    // Proxies that come and go change the counts of all objects.
    this.#wait(key, isNews ? settleMs : patienceMs * Math.max(1, this.#wanted.size / mostCounted));
    return false;
  }

  #wait(key: string, ms: number): void {
    const due = this.#now() + ms;
    if ((this.#waiting.get(key) ?? Infinity) <= due) return;
    this.#waiting.set(key, due);
    setTimeout(() => {
      if (this.#waiting.get(key) !== due) return;
      this.#waiting.delete(key);
      this.#later(key);
    }, ms).unref();
  }

  #later(key: string): void {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const text = textOf(wanted);
    if (this.#known.get(key)?.text === text && !this.#due.has(key)) return;
    this.#known.set(key, { text, wanted });
    this.#due.add(key);
    this.#work.add([key]);
  }

  /** One list instead of a look at each. */
  async #list(wanted: WantedResource): Promise<void> {
    const resource = await this.#served(wanted);
    if (resource === undefined) return;
    const { client, signal } = this.#options;
    let next: string | undefined;
    do {
      const page = await client.list(resource, {
        limit: pageSize,
        signal,
        ...(next !== undefined && { continue: next }),
      });
      for (const item of page.items) this.#listed.set(objectName(wanted, item.metadata), item);
      next = page.continue;
    } while (next !== undefined);
  }

  async #write(key: string): Promise<void> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return void this.#due.delete(key);
    const { client, signal } = this.#options;
    const resource = await this.#served(wanted.resource);
    const listedAs = objectName(wanted.resource, wanted.ref);
    const known = this.#seen.get(key) ?? this.#looked.get(key)?.object ?? this.#listed.get(listedAs);
    this.#listed.delete(listedAs);
    const object = known ?? (resource && (await this.#find(resource, wanted.ref)));
    this.#due.delete(key);
    if (resource === undefined || object === undefined) return;
    this.#look(key, object);
    if (this.#isOfAnother({ ...wanted, uid: undefined }, object)) return;
    const status = this.#merged(wanted, object);
    if (isWritten(status, statusOf(object))) return;
    const { resourceVersion } = object.metadata;
    this.#looked.set(key, { version: versionOf(object) });
    this.#writing.set(key, undefined);
    try {
      const patch = { metadata: { resourceVersion }, status };
      const options = { type: 'merge', subresource: 'status', fieldManager, signal } as const;
      this.#stored(key, status, await client.patch(resource, wanted.ref, patch, options));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    } finally {
      const told = this.#writing.get(key);
      this.#writing.delete(key);
      if (told !== undefined) this.seen(key, told);
    }
  }

  #stored(key: string, wanted: Status, written: KubernetesObject): void {
    this.#look(key, written);
    const stored = statusOf(written);
    if (isWritten(wanted, stored)) this.#pruned.delete(key);
    else this.#pruned.set(key, JSON.stringify(stored));
  }

  async #find(resource: ResourceType, ref: ObjectRef): Promise<KubernetesObject | undefined> {
    const { client, signal } = this.#options;
    return client.get(resource, ref, signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
  }

  /** Undefined if no version is served; asked again the next time. */
  #served(wanted: WantedResource): Promise<ResourceType | undefined> {
    const name = nameOf(wanted);
    const known = this.#resources.get(name);
    if (known !== undefined) return known;
    const asked = servedResource(this.#options.client, wanted, this.#options.signal);
    this.#resources.set(name, asked);
    asked.then(
      (resource) => resource === undefined && this.#resources.delete(name),
      () => this.#resources.delete(name),
    );
    return asked;
  }
}

const textOf = ({ uid, generation, status }: WantedStatus): string => JSON.stringify([uid, generation, status]);

const statusOf = (object: KubernetesObject): Status => (object['status'] ?? {}) as Status;

/** Versions of one object grow. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
const versionOf = ({ metadata }: KubernetesObject): number => Number(metadata.resourceVersion ?? 0);

const nameOf = ({ group, plural }: WantedResource): string => `${plural}.${group}`;

const objectName = (resource: WantedResource, { namespace = '', name = '' }: Partial<ObjectRef>): string =>
  `${nameOf(resource)} ${namespace}/${name}`;
