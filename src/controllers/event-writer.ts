// What happens to the control plane, told as Events of Kubernetes: `kubectl get events` and `kubectl describe` show them. The
// same news again is counted on the Event that is there. Events are a courtesy: whoever cannot write one goes on.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
import { createHash } from 'node:crypto';

import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject, ObjectRef, ResourceType } from '../kubernetes/resource.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '../kubernetes/api-error.ts';
import { defaultPace, pause, retryDelay } from '../kubernetes/pace.ts';
import { events, fieldManager } from './resources.ts';

export interface Occurrence {
  readonly type: 'Normal' | 'Warning';
  /** For machines, `AuthorityEnds`. */
  readonly reason: string;
  /** What is done about it, or should be: `Rotate`. */
  readonly action: string;
  /** For people. Occurrences that differ in it are told one by one. */
  readonly note: string;
  /** A namespaced object; the Event stands beside it. */
  readonly regarding: {
    readonly resource: ResourceType;
    readonly kind: string;
    readonly ref: Required<ObjectRef>;
  };
}

export interface EventWriterOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'patch'>;
  /** The name of this process among its like. */
  readonly instance: string;
  /** Nothing is written after it. */
  readonly signal: AbortSignal;
  readonly onFault: (occurrence: Occurrence, error: unknown) => void;
  readonly now?: () => number;
  readonly limits?: Partial<EventLimits>;
}

export interface EventLimits {
  /** What is told again within this time is counted only, in milliseconds. */
  readonly quietMs: number;
  /** So many at once, and a further one after each pause; more are left out. */
  readonly burst: number;
  readonly pauseMs: number;
  /** How many occurrences are remembered. */
  readonly remembered: number;
  readonly attempts: number;
}

const defaultLimits: EventLimits = {
  quietMs: 60_000,
  burst: 20,
  pauseMs: 30_000,
  remembered: 500,
  attempts: 4,
};
const longestNote = 1024;
const controller = 'keelson.io/control-plane';

interface EventObject extends KubernetesObject {
  readonly series?: { readonly count: number } | null;
}

/** Returns what writes, later and one at a time. It never throws. */
export function eventWriter(options: EventWriterOptions): (occurrence: Occurrence) => void {
  const { signal, now = Date.now } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const told = new Map<string, { readonly at: number; unwritten: number }>();
  const mayWrite = allowance(limits, now);
  let turn = Promise.resolve();
  return (occurrence) => {
    const name = eventName(occurrence);
    const last = told.get(name);
    const isQuiet = last !== undefined && now() - last.at < limits.quietMs;
    if (signal.aborted || isQuiet || !mayWrite()) {
      if (last !== undefined) last.unwritten++;
      return;
    }
    told.delete(name);
    told.set(name, { at: now(), unwritten: 0 });
    for (const oldest of told.keys())
      if (told.size > limits.remembered) told.delete(oldest);
      else break;
    const what = { occurrence, name, time: microTime(now()), count: 1 + (last?.unwritten ?? 0) };
    turn = turn.then(() => persist(options, limits.attempts, what));
  };
}

/** A bucket that fills by one with each pause. */
function allowance({ burst, pauseMs }: EventLimits, now: () => number): () => boolean {
  let left = burst;
  let at = now();
  return () => {
    left = Math.min(burst, left + (now() - at) / pauseMs);
    at = now();
    if (left < 1) return false;
    left--;
    return true;
  };
}

interface Writing {
  readonly occurrence: Occurrence;
  readonly name: string;
  readonly time: string;
  readonly count: number;
}

/** Tries a few times; what is forbidden stays so. */
async function persist(options: EventWriterOptions, attempts: number, what: Writing): Promise<void> {
  const { signal, onFault } = options;
  for (let failures = 0; !signal.aborted; failures++)
    try {
      return await write(options, what);
    } catch (error) {
      if (signal.aborted) return;
      if (isForbidden(error) || failures + 1 >= attempts) return onFault(what.occurrence, error);
      await pause(retryDelay(failures, defaultPace), signal);
    }
}

/** Another replica, or this one before it was started again, may have told of the same: then that Event is counted up. */
async function write(
  { client, instance, signal }: EventWriterOptions,
  { occurrence, name, time, count }: Writing,
): Promise<void> {
  const { type, reason, action, note, regarding } = occurrence;
  const { namespace } = regarding.ref;
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    eventTime: time,
    reportingController: controller,
    reportingInstance: instance.slice(0, 128),
    type,
    reason,
    action,
    note: note.slice(0, longestNote),
    regarding: await reference(client, regarding, signal),
  };
  try {
    await client.create(events, event, { fieldManager, signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const ref = { namespace, name };
    const { series } = await client.get<EventObject>(events, ref, signal);
    const patch = { series: { count: (series?.count ?? 1) + count, lastObservedTime: time } };
    await client.patch(events, ref, patch, { type: 'merge', fieldManager, signal });
  }
}

/** https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#MicroTime */
const microTime = (at: number): string => new Date(at).toISOString().replace('Z', '000Z');

/** With the uid, by which `kubectl describe` finds the Event; an object that is gone had one. */
async function reference(
  client: Pick<KubernetesClient, 'get'>,
  { resource, kind, ref }: Occurrence['regarding'],
  signal: AbortSignal,
): Promise<object> {
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  const found = await client.get(resource, ref, signal).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
  return { apiVersion, kind, ...ref, ...(found?.metadata.uid !== undefined && { uid: found.metadata.uid }) };
}

/** The same for what is the same. */
function eventName({ type, reason, action, note, regarding }: Occurrence): string {
  const { kind, ref } = regarding;
  const told = JSON.stringify([type, reason, action, note, kind, ref.namespace, ref.name]);
  return `${ref.name.slice(0, 200)}.${createHash('sha256').update(told).digest('hex').slice(0, 16)}`;
}
