// The Kubernetes API as everything else here sees it: a few verbs on any resource. Answers have limits of size and time;
// whatever is not the answer that was asked for is an ApiError.
// https://kubernetes.io/docs/reference/using-api/api-concepts/
import type { Credentials, CredentialsOptions } from './credentials.ts';
import type { Answer, TransportLimits } from './transport.ts';
import type { KubernetesObject, ObjectRef, Query, ResourceType } from './resource.ts';
import type { WatchEvent } from './watch-stream.ts';
import { apiErrorOf, connectionFault } from './api-error.ts';
import { loadCredentials } from './credentials.ts';
import { asFault } from './exchange.ts';
import { collectionPath, objectPath, withQuery } from './resource.ts';
import { Transport } from './transport.ts';
import { isObject, readJson, watchEvents } from './watch-stream.ts';

export interface Selection {
  /** Only this one; default: all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListOptions extends Selection {
  /** The page's size; default: everything at once. */
  readonly limit?: number;
  /** Of the page before. */
  readonly continue?: string;
  readonly signal?: AbortSignal;
  /** Only `apiVersion`, `kind` and `metadata` of each object. */
  readonly metadataOnly?: boolean;
}

export interface WatchOptions extends Selection {
  /** The change after which to begin; absent: with what there is now. */
  readonly resourceVersion?: string;
  /** All that there is first, then a bookmark that says so: `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
  /** After how long the server ends the watch. */
  readonly timeoutSeconds: number;
  readonly signal?: AbortSignal;
  readonly metadataOnly?: boolean;
}

export interface WriteOptions {
  /** `status`, `token`, `scale`, ... */
  readonly subresource?: string;
  /** Who writes, for conflicts of server-side apply. */
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  /** Refuse fields that the schema does not know, which are left out otherwise. */
  readonly strict?: boolean;
  readonly signal?: AbortSignal;
}

/** `strategic` merges lists by key, for kinds of Kubernetes itself. `apply` is server-side apply: it needs a `fieldManager`, and with `force` takes fields from other managers. */
export interface PatchOptions extends WriteOptions {
  readonly type: 'merge' | 'strategic' | 'apply' | 'json';
  readonly force?: boolean;
}

export interface DeleteOptions {
  /** Only if it still is this very object. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly signal?: AbortSignal;
}

export interface ObjectList<T extends KubernetesObject = KubernetesObject> {
  readonly items: readonly T[];
  /** From which a watch goes on. */
  readonly resourceVersion: string;
  /** Where the next page begins, if there is one. */
  readonly continue?: string;
}

export interface KubernetesClient {
  /** Where it is: for people. */
  readonly server: string;
  /** The namespace of the context, or of our own Pod. */
  readonly namespace: string | undefined;
  /** One page. Items have their `apiVersion` and `kind`. */
  list<T extends KubernetesObject>(resource: ResourceType, options?: ListOptions): Promise<ObjectList<T>>;
  /**
   * Events as they arrive, in groups; the first, empty one says that the server has accepted. Ends when the server ends it
   * in good order, throws when the connection breaks.
   */
  watch(resource: ResourceType, options: WatchOptions): AsyncIterable<readonly WatchEvent[]>;
  get<T extends KubernetesObject>(resource: ResourceType, ref: ObjectRef, signal?: AbortSignal): Promise<T>;
  /** Where `object` has a namespace it goes there. Reviews (TokenReview, ...) are created likewise; for a TokenRequest, `ref` with `subresource: 'token'`. */
  create<T extends KubernetesObject>(
    resource: ResourceType,
    object: T,
    options?: WriteOptions & { readonly ref?: ObjectRef },
  ): Promise<T>;
  /** Replaces it; with a resourceVersion only if nobody else has since. */
  update<T extends KubernetesObject>(resource: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubernetesObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options: PatchOptions,
  ): Promise<T>;
  delete(resource: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** The JSON at a path: discovery, `/version`. */
  read<T>(path: string, signal?: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface ClientOptions extends CredentialsOptions {
  readonly limits?: Partial<ClientLimits>;
}

export interface ClientLimits extends TransportLimits {
  /** Until an answer is there, all of it unless it is a watch. */
  readonly answerMs: number;
  /** Pages of lists are the largest; etcd holds no object above 1.5 MiB. */
  readonly answerBytes: number;
}

const defaultLimits = { answerMs: 60_000, answerBytes: 256 << 20 };
const watchGraceMs = 15_000;
const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
  json: 'application/json-patch+json',
} as const;
const asMetadata = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;

/** Throws an Error that says what is missing; the server itself is asked only by the first request. */
export async function openKubernetesClient(options: ClientOptions = {}): Promise<KubernetesClient> {
  const credentials = await loadCredentials(options);
  return new HttpClient(credentials, options.limits);
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

class HttpClient implements KubernetesClient {
  readonly server: string;
  readonly namespace: string | undefined;
  readonly #transport: Transport;
  readonly #limits: Pick<ClientLimits, 'answerMs' | 'answerBytes'>;

  constructor(credentials: Credentials, limits: Partial<ClientLimits> = {}) {
    this.server = credentials.server.href;
    this.namespace = credentials.namespace;
    this.#transport = new Transport(credentials, limits);
    this.#limits = { ...defaultLimits, ...limits };
  }

  async list<T extends KubernetesObject>(resource: ResourceType, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, signal, metadataOnly, ...query } = options;
    const accept = metadataOnly === true ? asMetadata('PartialObjectMetadataList') : undefined;
    const path = collectionPath(resource, namespace);
    const list = await this.#json<RawList<T>>({ method: 'GET', path, query, ...(accept && { accept }), signal });
    if (!isObject(list) || !(list.items ?? []).every(isObject))
      throw connectionFault('Unreadable', `the API server's list of ${resource.plural} is none`);
    const { resourceVersion = '', continue: next } = list.metadata;
    const type = { apiVersion: list.apiVersion, kind: list.kind?.replace(/List$/, '') };
    const items = (list.items ?? []).map((item) => (item.kind === undefined ? { ...type, ...item } : item));
    return { items, resourceVersion, ...(next && { continue: next }) };
  }

  async *watch(resource: ResourceType, options: WatchOptions): AsyncIterable<readonly WatchEvent[]> {
    const { namespace, signal, metadataOnly, timeoutSeconds, sendInitialEvents, ...query } = options;
    const initial = sendInitialEvents === true && { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' };
    // The server ends the watch in time; if we do not hear of it, nobody is there any more.
    const deadline = AbortSignal.timeout(timeoutSeconds * 1000 + watchGraceMs);
    const answer = await this.#send(
      {
        method: 'GET',
        path: collectionPath(resource, namespace),
        query: { ...query, ...initial, watch: true, allowWatchBookmarks: true, timeoutSeconds },
        ...(metadataOnly === true && { accept: asMetadata('PartialObjectMetadata') }),
        signal,
      },
      deadline,
    );
    yield [];
    yield* watchEvents(answer.body, AbortSignal.any([deadline, ...(signal ? [signal] : [])]));
  }

  get<T extends KubernetesObject>(resource: ResourceType, ref: ObjectRef, signal?: AbortSignal): Promise<T> {
    return this.#json({ method: 'GET', path: objectPath(resource, ref), signal });
  }

  create<T extends KubernetesObject>(
    resource: ResourceType,
    object: T,
    options: WriteOptions & { readonly ref?: ObjectRef } = {},
  ): Promise<T> {
    const { ref, subresource, signal } = options;
    const path =
      ref === undefined ? collectionPath(resource, object.metadata?.namespace) : objectPath(resource, ref, subresource);
    return this.#json({ method: 'POST', path, query: writeQuery(options), body: object, signal });
  }

  update<T extends KubernetesObject>(resource: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const { name = '', namespace } = object.metadata;
    const path = objectPath(resource, { name, ...(namespace && { namespace }) }, options.subresource);
    return this.#json({ method: 'PUT', path, query: writeQuery(options), body: object, signal: options.signal });
  }

  patch<T extends KubernetesObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options: PatchOptions,
  ): Promise<T> {
    return this.#json({
      method: 'PATCH',
      path: objectPath(resource, ref, options.subresource),
      query: { ...writeQuery(options), force: options.force },
      body: patch,
      contentType: patchTypes[options.type],
      signal: options.signal,
    });
  }

  async delete(resource: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { signal, propagationPolicy, ...preconditions } = options;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy };
    await this.#json({ method: 'DELETE', path: objectPath(resource, ref), body, signal });
  }

  read<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json({ method: 'GET', path, signal });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #json<T>(call: Call): Promise<T> {
    const deadline = AbortSignal.timeout(this.#limits.answerMs);
    const { body } = await this.#send(call, deadline);
    return (await readJson(body, this.#limits.answerBytes, deadline)) as T;
  }

  /** The answer's head has to come within the limit of time; an answer that is an error is thrown. */
  async #send(call: Call, deadline: AbortSignal): Promise<Answer> {
    const { method, path, query = {}, body, contentType = 'application/json', accept = 'application/json' } = call;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(connectionFault('Timeout', `no answer from the API server within ${this.#limits.answerMs} ms`)),
      this.#limits.answerMs,
    );
    const signal = AbortSignal.any([late.signal, deadline, ...(call.signal ? [call.signal] : [])]);
    try {
      const answer = await this.#transport.send({
        method,
        path: withQuery(path, query),
        headers: { accept, 'user-agent': 'keelson', ...(body !== undefined && { 'content-type': contentType }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal,
      });
      if (answer.status < 300) return answer;
      const told = await readJson(answer.body, largestError, deadline).catch(() => undefined);
      throw apiErrorOf(answer.status, told, answer.header('retry-after'));
    } catch (error) {
      throw asFault(error, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

const largestError = 1 << 20;

interface RawList<T> {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

const writeQuery = ({ fieldManager, dryRun, strict }: WriteOptions): Query => ({
  fieldManager,
  dryRun: dryRun === true ? 'All' : undefined,
  fieldValidation: strict === true ? 'Strict' : undefined,
});
