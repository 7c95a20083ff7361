// What is found in the configuration of a proxy: first the resources of that name, then lines with it in their path, their
// value or their causes. What is inside is read a stretch at a time, so that no answer takes long; what was read once is
// remembered, for all proxies that have it.
import { setImmediate as breath } from 'node:timers/promises';

import type { Hit, Hits, ResourceName } from '../../../admin/console/api.ts';
import { decodedResource } from '../../../inspect/decoded.ts';
import type { DecodedResource } from '../../../model/envoy/decoded.ts';
import { decodedKinds } from '../../../model/envoy/decoded.ts';
import type { Configuration, Resource } from '../../../model/envoy/resource.ts';
import type { SourceRef } from '../../../model/source.ts';
import { describeSource } from '../../../model/source.ts';
import { memo } from '../../../model/memo.ts';
import { withoutParts } from './resource-tree.ts';

/** Of one answer: lines that are found, and resources that nobody has looked into before. */
const most = { hits: 200, fresh: 120 };
/** Of a value that is shown, in UTF-16 units. */
const longestValue = 500;

/** `after`: where the answer before has ended; undefined for the first. */
export async function searchConfiguration(
  configuration: Configuration,
  text: string,
  after: number | undefined,
): Promise<Hits> {
  const wanted = text.toLowerCase();
  const all = resourcesOf(configuration);
  const isNamed = ({ name }: ResourceName): boolean => name.toLowerCase().includes(wanted);
  if (after === undefined) {
    const named = all.filter(isNamed).map(({ kind, name }): Hit => ({ kind, name, field: '', value: '', causes: [] }));
    if (named.length > 0) return stretch(named, named.length < most.hits ? 0 : undefined);
  }
  return searchInside(insides(all.filter((each) => !isNamed(each))), wanted, after ?? 0);
}

interface Held extends ResourceName {
  readonly resource: Resource;
}

/** A resource, or one that is nested in it; `prefix`: its path there. */
interface Inside extends Held {
  readonly prefix: string;
}

const resourcesOf = (configuration: Configuration): readonly Held[] =>
  decodedKinds.flatMap((kind) =>
    configuration[kind]
      .flatMap(({ resources }) => [...resources].map(([name, resource]) => ({ kind, name, resource })))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );

/** Each resource once: a virtual host that a route configuration has is found there. */
function insides(all: readonly Held[]): readonly Inside[] {
  const known = new Set<Resource>();
  return all.flatMap(({ kind, name, resource }) => {
    const { field, resources: nested } = resource.parts ?? { field: '', resources: [] };
    const places: readonly Inside[] = [
      { kind, name, resource: withoutParts(resource), prefix: '' },
      ...nested.map((part, i) => ({ kind, name, resource: part, prefix: `${field}[${i}].` })),
    ];
    return places.filter((place) => !known.has(place.resource) && known.add(place.resource));
  });
}

async function searchInside(places: readonly Inside[], wanted: string, begin: number): Promise<Hits> {
  const hits: Hit[] = [];
  let fresh = 0;
  for (let i = begin; i < places.length; i++) {
    const place = places[i];
    if (place === undefined) break;
    if (!texts.has(place.resource)) {
      if (fresh === most.fresh) return stretch(hits, i);
      if (++fresh % 16 === 0) await breath();
    }
    hits.push(...found(place, wanted));
    if (hits.length >= most.hits) return stretch(hits, undefined);
  }
  return { hits, next: undefined, complete: true };
}

const stretch = (hits: readonly Hit[], next: number | undefined): Hits => {
  return { hits: hits.slice(0, most.hits), next, complete: false };
};

function found({ kind, name, resource, prefix }: Inside, wanted: string): readonly Hit[] {
  const inPrefix = prefix.includes(wanted);
  const rest = wanted.startsWith(prefix) ? wanted.slice(prefix.length) : wanted;
  if (!inPrefix && !textOf(resource).includes(rest)) return [];
  return leavesOf(resource)
    .filter((leaf) => inPrefix || lineOf(leaf).includes(rest))
    .filter(({ field }) => prefix === '' || field !== '@type')
    .map(({ field, value, causes }) => {
      return { kind, name, field: `${prefix}${field}`, value: String(value).slice(0, longestValue), causes };
    });
}

interface Leaf {
  readonly field: string;
  readonly value: unknown;
  readonly causes: readonly SourceRef[];
}

/** By resource: all its leaves as they are looked through. */
const texts = new WeakMap<Resource, string>();

function textOf(resource: Resource): string {
  let text = texts.get(resource);
  if (text === undefined) texts.set(resource, (text = leavesOf(resource).map(lineOf).join('\n')));
  return text;
}

const lineOf = ({ field, value, causes }: Leaf): string =>
  `${field} ${String(value)} ${describedCauses(causes)}`.toLowerCase();

const describedCauses = memo((causes: readonly SourceRef[]): string => causes.map(describeSource).join(' '));

/** With the causes of each leaf: its own, else those of the nearest part that it is in. */
function leavesOf(resource: Resource): readonly Leaf[] {
  const { message, origins }: DecodedResource = decodedResource(resource);
  const leaves: Leaf[] = [];
  const visit = (value: unknown, field: string, above: readonly SourceRef[]): void => {
    const causes = origins[field] ?? above;
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) visit(value[i], `${field}[${i}]`, causes);
    else if (typeof value !== 'object' || value === null) leaves.push({ field, value, causes });
    else for (const name in value) visit((value as Fields)[name], field === '' ? name : `${field}.${name}`, causes);
  };
  visit(message, '', []);
  return leaves;
}

type Fields = Readonly<Record<string, unknown>>;
