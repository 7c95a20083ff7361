// From a resource, or a field of it, to the objects that caused it.
import type { DecodedConfiguration, DecodedResource } from '../../model/envoy/decoded.ts';
import { decodedKinds } from '../../model/envoy/decoded.ts';
import type { SourceRef } from '../../model/source.ts';
import { describeSource } from '../../model/source.ts';
import type { Io } from '../io.ts';
import { exit, table, UsageError } from '../io.ts';

export type Kind = keyof DecodedConfiguration;

export function kindOf(text: string | undefined): Kind {
  const kind = decodedKinds.find((candidate) => candidate === text || `${candidate}s` === text);
  if (kind === undefined)
    throw new UsageError(`'${text}' is no kind of resource; there are ${decodedKinds.join(', ')}`);
  return kind;
}

/** Every resource with the objects behind it. */
export function listResources(
  configuration: DecodedConfiguration,
  kind: string | undefined,
  json: boolean,
  io: Io,
): number {
  const asked = kind === undefined ? decodedKinds : [kindOf(kind)];
  const rows = asked.flatMap((each) =>
    configuration[each].map((resource) => ({ kind: each, name: resource.name, objects: objectsBehind(resource) })),
  );
  if (json) io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  else
    io.stdout(table([['KIND', 'NAME', 'OBJECTS'], ...rows.map((row) => [row.kind, row.name, describe(row.objects)])]));
  return exit.fine;
}

/** Each once, without its fields. */
export function objectsBehind({ origins }: DecodedResource): readonly SourceRef[] {
  const objects = Object.values(origins)
    .flat()
    .map(({ kind, namespace, name }): SourceRef => ({ kind, namespace, name }));
  return [...new Map(objects.map((object) => [JSON.stringify(object), object])).values()];
}

type Origin = readonly [string, readonly SourceRef[]];

/** The fields of one resource with what caused each. */
export function explainResource(
  configuration: DecodedConfiguration,
  [kind, name, field]: readonly [Kind, string, string | undefined],
  json: boolean,
  io: Io,
): number {
  const resource = configuration[kind].find((candidate) => candidate.name === name);
  if (resource === undefined) {
    io.stderr(`keelson explain: the proxy has no ${kind} '${name}'; 'keelson explain ... ${kind}' lists what it has\n`);
    return exit.bad;
  }
  const origins = Object.entries(resource.origins).filter(
    ([path]) => field === undefined || covers(field, path) || covers(path, field),
  );
  if (origins.length === 0) {
    io.stderr(
      `keelson explain: no object caused '${field}' of ${kind} '${name}': it is a default of Keelson's, or not there at all\n`,
    );
    return exit.bad;
  }
  if (json) io.stdout(`${JSON.stringify(Object.fromEntries(origins), null, 2)}\n`);
  else
    io.stdout(
      table([['FIELD', 'CAUSED BY'], ...narrowest(origins, field).map(([path, sources]) => [path, describe(sources)])]),
    );
  return exit.fine;
}

/** Of the fields above the one asked for only the nearest matters. */
function narrowest(origins: readonly Origin[], field: string | undefined): readonly Origin[] {
  if (field === undefined) return origins;
  const below = origins.filter(([path]) => covers(field, path));
  return below.length > 0 ? below : origins.slice(-1);
}

/** Whether `path` is `field` or lies below it. */
const covers = (field: string, path: string): boolean =>
  path === field || (path.startsWith(field) && /^[.[]/.test(path.slice(field.length)));

const describe = (sources: readonly SourceRef[]): string => sources.map(describeSource).join(', ');
