// The answer to whether an object may be stored: by the very code that reads it afterwards. Errors refuse it, warnings are
// shown to whoever wrote it.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import { setTimeout as delay } from 'node:timers/promises';

import type { Problem } from '../model/problem.ts';
import type { AnyObject } from '../model/schema/index.ts';
import type { ParseOptions } from '../watchers/parse.ts';
import type { AdmissionHandler, AdmissionRequest, AdmissionResponse } from './admission-review.ts';
import { describeSource } from '../model/source.ts';
import { canonicalJson } from '../watchers/canonical-json.ts';
import { findKind } from '../watchers/kinds.ts';
import { parse } from '../watchers/parse.ts';

export interface ValidationOptions {
  readonly context?: ParseOptions['context'];
  /** What the object would do to others, and they to it: shown as warnings. Slow answers and faults are left out. */
  readonly crossObjectProblems?: (object: AnyObject) => readonly Problem[] | Promise<readonly Problem[]>;
  /** Milliseconds for the above. */
  readonly patience?: number;
  /** What it changes, in a sentence for who writes it: shown as a warning. Slow answers and faults are left out. */
  readonly effect?: (object: AnyObject, request: AdmissionRequest) => Promise<string | undefined>;
  /** Milliseconds for that. */
  readonly effectPatience?: number;
  readonly onFault?: (error: unknown) => void;
}

/** Refused whatever else it says: so the control plane finds out whether its own webhook is asked. */
export const alwaysReject = 'internal.istio.io/webhook-always-reject';

type Record = Readonly<globalThis.Record<string, unknown>>;
const allowed: AdmissionResponse = { allowed: true };

/** The handler of `/validate`. */
export const validationHandler =
  (options: ValidationOptions = {}): AdmissionHandler =>
  async (request) => {
    const { operation, subResource, kind } = request;
    const isWrite = (operation === 'CREATE' || operation === 'UPDATE') && subResource === undefined;
    const version = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    if (!isWrite || findKind(version, kind.kind) === undefined) return allowed;
    const raw = named(request, version);
    const metadata = asRecord(raw['metadata']);
    // What is on its way out only loses its finalizers.
    if (operation === 'UPDATE' && typeof metadata['deletionTimestamp'] === 'string') return allowed;
    if (Object.hasOwn(asRecord(metadata['annotations']), alwaysReject))
      return { allowed: false, message: `objects with the annotation ${alwaysReject} are always refused` };
    const { object, problems } = parse(raw, options.context === undefined ? {} : { context: options.context });
    const { errors, tolerated } = errorsOf(problems, request);
    if (errors.length > 0) return { allowed: false, message: errors.map((each) => sentence(each)).join('; ') };
    const warnings = [...tolerated, ...problems.filter(({ severity }) => severity === 'warning')];
    if (object === undefined) return { allowed: true, warnings: warnings.map((each) => sentence(each)) };
    const { crossObjectProblems, patience = 2000, effect, effectPatience = 250, onFault } = options;
    const others = await inTime(() => crossObjectProblems?.(object), patience, onFault);
    const changes = await inTime(() => effect?.(object, request), effectPatience, onFault);
    const told = [...warnings, ...(others ?? [])].map((each) => sentence(each, object.source));
    return { allowed: true, warnings: changes === undefined ? told : [...told, changes] };
  };

/** An object may be told where it is only beside itself, and its name may still have to be made. */
function named({ object, namespace, kind }: AdmissionRequest, apiVersion: string): Record {
  const raw = asRecord(object);
  const metadata = asRecord(raw['metadata']);
  const { name, generateName } = metadata;
  const made = typeof generateName === 'string' && !name ? { name: `${generateName}00000` } : {};
  const place = metadata['namespace'] === undefined && namespace !== '' ? { namespace } : {};
  return { ...raw, apiVersion, kind: kind.kind, metadata: { ...metadata, ...made, ...place } };
}

/**
 * An object that was stored before a rule existed can still be labelled, or have its owner changed: when an update leaves
 * everything but the metadata as it was, only errors of the metadata count.
 */
function errorsOf(problems: readonly Problem[], request: AdmissionRequest) {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0 || request.operation !== 'UPDATE' || !isSameContent(request))
    return { errors, tolerated: [] };
  const inMetadata = (problem: Problem): boolean => /^metadata\b/.test(problem.source?.path ?? '');
  return { errors: errors.filter(inMetadata), tolerated: errors.filter((problem) => !inMetadata(problem)) };
}

function isSameContent({ object, oldObject }: AdmissionRequest): boolean {
  const content = (value: unknown): string => {
    const { apiVersion: _, kind: __, metadata: ___, status: ____, ...rest } = asRecord(value);
    return canonicalJson(rest);
  };
  return oldObject !== undefined && content(object) === content(oldObject);
}

/** Undefined if it takes longer, and if it fails: an object is not kept waiting for what is only told. */
async function inTime<T>(
  find: () => T | Promise<T>,
  patience: number,
  onFault: ValidationOptions['onFault'],
): Promise<T | undefined> {
  const enough = new AbortController();
  try {
    return await Promise.race([find(), delay(patience, undefined, { signal: enough.signal, ref: false })]);
  } catch (error) {
    onFault?.(error);
    return undefined;
  } finally {
    enough.abort();
  }
}

/** `spec.http[0].route[0].weight: must be ...`; with the object's name if it is not the one that is asked about. */
function sentence({ source, message }: Problem, asked = source): string {
  if (source === undefined) return message;
  const isOther = asked?.kind !== source.kind || asked.namespace !== source.namespace || asked.name !== source.name;
  const place = isOther ? describeSource(source) : source.path;
  return place === undefined ? message : `${place}: ${message}`;
}

const asRecord = (value: unknown): Record =>
  (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}) as Record;
