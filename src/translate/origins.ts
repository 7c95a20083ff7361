// Why a resource looks as it does: every field of it with a known cause, parts included.
import type { Resource } from '../model/envoy/resource.ts';
import type { SourceRef } from '../model/source.ts';
import { originsOf } from './provenance.ts';

export type FieldOrigins = ReadonlyMap<string, readonly SourceRef[]>;

/** Causes by field path (`virtual_hosts[2].routes[0].route.timeout`), in the order of the message. */
export function resourceOrigins(resource: Resource): FieldOrigins {
  const { parts } = resource;
  const own = originsOf(resource.message);
  if (parts === undefined) return own;
  const nested = parts.resources.flatMap((part, i) => [...originsOf(part.message, `${parts.field}[${i}]`)]);
  return new Map([...own, ...nested]);
}

/** The objects behind a resource, each once, without their fields. */
export function causingObjects(origins: FieldOrigins): readonly SourceRef[] {
  const objects = [...origins.values()]
    .flat()
    .map(({ kind, namespace, name }): SourceRef => ({ kind, namespace, name }));
  return [...new Map(objects.map((object) => [JSON.stringify(object), object])).values()];
}
