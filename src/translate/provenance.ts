// Field-level provenance: builders return plain partial messages, and where parts are combined each field is
// told which object and field of the user's caused it. The table travels on a symbol, which encoding, printing and
// comparing ignore and which a spread keeps.
import type { SourceRef } from '../model/source.ts';

const origins = Symbol('origins');
type Origins = Readonly<Record<string, readonly SourceRef[]>>;
type Sourced = { readonly [origins]?: Origins };

/** `part` with `source` noted as the cause of each of its own fields. */
export function from<T extends object>(source: SourceRef | readonly SourceRef[], part: T): T {
  const sources = Array.isArray(source) ? (source as readonly SourceRef[]) : [source as SourceRef];
  const table = Object.fromEntries(Object.keys(part).map((field) => [field, sources]));
  return { ...part, [origins]: { ...table, ...(part as Sourced)[origins] } };
}

/** The parts as one message, shallowly: a later part replaces the fields of an earlier one, causes included. */
export function merge<T extends object>(...parts: readonly (Partial<T> | undefined)[]): T {
  const table: Record<string, readonly SourceRef[]> = {};
  const message: Record<string, unknown> = {};
  for (const part of parts) {
    if (part === undefined) continue;
    const known = (part as Sourced)[origins];
    for (const [field, value] of Object.entries(part)) {
      message[field] = value;
      const sources = known?.[field];
      if (sources === undefined) delete table[field];
      else table[field] = sources;
    }
  }
  return { ...message, [origins]: table } as T;
}

/** Every field with a known cause, by its path in the message: `virtual_hosts[2].routes[0].timeout`. */
export function originsOf(message: unknown, path = ''): ReadonlyMap<string, readonly SourceRef[]> {
  const found = new Map<string, readonly SourceRef[]>();
  collect(message, path, found);
  return found;
}

/** All causes of a message and of what is in it, wherever. */
export function sourcesOf(message: unknown): ReadonlySet<SourceRef> {
  const found = new Set<SourceRef>();
  gather(message, found);
  return found;
}

function gather(value: unknown, found: Set<SourceRef>): void {
  if (Array.isArray(value)) for (const item of value) gather(item, found);
  else if (typeof value === 'object' && value !== null) {
    for (const sources of Object.values((value as Sourced)[origins] ?? {}))
      for (const source of sources) found.add(source);
    for (const child of Object.values(value)) gather(child, found);
  }
}

function collect(value: unknown, path: string, found: Map<string, readonly SourceRef[]>): void {
  if (Array.isArray(value)) value.forEach((item, i) => collect(item, `${path}[${i}]`, found));
  else if (typeof value === 'object' && value !== null) {
    const table = (value as Sourced)[origins] ?? {};
    for (const [field, child] of Object.entries(value)) {
      const childPath = path === '' ? field : `${path}.${field}`;
      const sources = table[field];
      if (sources !== undefined) found.set(childPath, sources);
      collect(child, childPath, found);
    }
  }
}
