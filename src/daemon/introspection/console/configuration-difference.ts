// What manifests would change in what connected proxies have: the mesh is made with and without them, by the same code,
// and only what is another object then is looked at. Proxies that share their changes are told together.
import { setImmediate as breath } from 'node:timers/promises';

import type { Difference, ProxyChanges, ResourceChange, WrittenChange } from '../../../admin/console/api.ts';
import { decodedResource } from '../../../inspect/decoded.ts';
import { applied, resourceChanges } from '../../../inspect/differences.ts';
import { differingResources } from '../../../inspect/differing-resources.ts';
import { proxyProblems } from '../../../inspect/proxy-problems.ts';
import type { PatchPlaces } from '../../../model/envoy/patch-places.ts';
import { unmatchedPatches } from '../../../model/envoy/patch-places.ts';
import type { Problem } from '../../../model/problem.ts';
import { describeProblem, distinct } from '../../../model/problem.ts';
import type { LiveMesh } from '../../mesh/live-mesh.ts';
import { decodedKinds } from '../../../model/envoy/decoded.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { Configuration, Layer, NodeInfo } from '../../../model/envoy/resource.ts';
import { withDerivedSlices } from '../../../watchers/endpoint-slices.ts';
import { readConfig } from '../../../watchers/files/config-file.ts';
import { Store } from '../../../watchers/store.ts';
import { findMessage } from '../../../xds/codec/descriptors.ts';

const most = { groups: 50, proxies: 50, resources: 100, fields: 20 };

export async function configurationDifference(
  mesh: Pick<LiveMesh, 'snapshot' | 'problems' | 'translated' | 'configuration'>,
  proxies: readonly { readonly proxy: string; readonly node: NodeInfo }[],
  change: WrittenChange,
): Promise<Difference> {
  const apply = readManifests(change.apply, 'manifest');
  const remove = readManifests(change.remove, 'what is deleted');
  const after = mesh.translated(applied(mesh.snapshot, apply.snapshot, remove.snapshot));
  const known = new Set(mesh.problems.map(describeProblem));
  const found: Problem[] = [...after.problems];
  const places: (readonly PatchPlaces[])[] = [];
  const groups = new Map<Changes, string[]>();
  for (const { proxy, node } of proxies) {
    const changes = changesOf(mesh.configuration(node), after.configuration(node));
    if (changes.length > 0) groups.set(changes, [...(groups.get(changes) ?? []), proxy]);
    found.push(...proxyProblems(after, node, Date.now()));
    places.push(after.patchPlaces(node));
    await breath();
  }
  const added = distinct([...found, ...unmatchedPatches(places)]).filter((each) => !known.has(describeProblem(each)));
  const all = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
  return {
    objects: [...apply.objects, ...remove.objects].map(({ source }) => source),
    problems: [...apply.problems, ...remove.problems, ...added],
    looked: proxies.length,
    changed: all.reduce((sum, [, names]) => sum + names.length, 0),
    groups: all.slice(0, most.groups).map(shown),
    more: Math.max(0, all.length - most.groups),
  };
}

function readManifests(text: string, file: string) {
  const { objects, problems } = readConfig(text, file, undefined, { findMessage });
  return { objects, problems, snapshot: new Store().apply('files', withDerivedSlices(objects)) };
}

type Changes = readonly (readonly ResourceChange[])[];

/** The same list for the same changes. */
function changesOf(before: Configuration, after: Configuration | undefined): Changes {
  if (after === undefined || before === after) return [];
  return sharedList(
    decodedKinds
      .map((kind) => kindChanges(kind, sharedList(before[kind]), sharedList(after[kind])))
      .filter((changes) => changes.length > 0),
  );
}

const kindChanges = memo(
  (
    kind: (typeof decodedKinds)[number],
    before: readonly Layer[],
    after: readonly Layer[],
  ): readonly ResourceChange[] => {
    const differing = differingResources(before, after);
    const decoded = (side: 'was' | 'is') =>
      differing.flatMap(({ [side]: resource }) => (resource === undefined ? [] : [decodedResource(resource)]));
    return resourceChanges(kind, decoded('was'), decoded('is')).map((change) => {
      return { ...change, fields: change.fields.slice(0, most.fields), more: left(change.fields, most.fields) };
    });
  },
);

function shown([changes, proxies]: readonly [Changes, readonly string[]]): ProxyChanges {
  const resources = changes.flat();
  return {
    proxies: proxies.slice(0, most.proxies),
    count: proxies.length,
    resources: resources.slice(0, most.resources),
    more: left(resources, most.resources),
  };
}

const left = (list: readonly unknown[], limit: number): number => Math.max(0, list.length - limit);
