// What the console asks, answered by the daemon's parts as they are at the moment. Long questions take breath between
// proxies, so that pushes do not wait for them.
import { setImmediate as breath } from 'node:timers/promises';

import type {
  Authority,
  BranchPlace,
  Difference,
  Effect,
  ResourceName,
  WrittenChange,
} from '../../../admin/console/api.ts';
import type { ConsoleSource } from '../../../admin/console/source.ts';
import type { ControlPlane } from '../../../admin/control-plane.ts';
import { decodedConfiguration } from '../../../inspect/decoded.ts';
import { WrongQuestion } from '../../../inspect/mesh-reader.ts';
import { proxyProblems } from '../../../inspect/proxy-problems.ts';
import type { TracedMesh } from '../../../inspect/traced-request.ts';
import { tracedRequest } from '../../../inspect/traced-request.ts';
import { configurationDifference } from './configuration-difference.ts';
import type { LiveMesh } from '../../mesh/live-mesh.ts';
import { decodedKinds } from '../../../model/envoy/decoded.ts';
import { memo } from '../../../model/memo.ts';
import type { Layer, NodeInfo, Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { Problem } from '../../../model/problem.ts';
import { distinct } from '../../../model/problem.ts';
import type { ProxyStatus } from '../../../model/proxy/proxy-status.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { Traffic } from './prometheus-traffic.ts';
import type { PushHistory } from '../push-history.ts';
import { resourceBranch } from './resource-tree.ts';
import { searchConfiguration } from './configuration-search.ts';
import { sourcesOf } from '../../../translate/provenance.ts';

export interface ConsoleParts {
  readonly mesh: LiveMesh;
  /** The proxies of all replicas, and everything that is wrong, what proxies reject included. */
  readonly plane: Pick<ControlPlane, 'everywhere'>;
  readonly authority: () => Authority;
  readonly history: PushHistory;
  /** What was measured between services; without it the console shows what is configured. */
  readonly traffic?: Traffic;
}

export const consoleSource = (parts: ConsoleParts): ConsoleSource => ({
  names: (node) => names(parts, node),
  branch: (node, named, place) => branch(parts, node, named, place),
  search: (node, text, after) => searchConfiguration(parts.mesh.configuration(node), text, after),
  effect: (object) => effect(parts, object),
  authority: parts.authority,
  trace: (question) => refusals(async () => tracedRequest(await reader(parts), question)),
  difference: (change) => difference(parts, change),
  traffic: parts.traffic ?? (() => Promise.resolve(undefined)),
  onChange: (listener) => parts.history.onChange(listener),
});

function names({ mesh }: ConsoleParts, node: NodeInfo): readonly ResourceName[] {
  const configuration = mesh.configuration(node);
  return decodedKinds.flatMap((kind) =>
    configuration[kind]
      .flatMap((layer) => [...layer.resources.keys()])
      .toSorted()
      .map((name) => ({ kind, name })),
  );
}

function branch({ mesh }: ConsoleParts, node: NodeInfo, { kind, name }: ResourceName, place: BranchPlace) {
  const layer = mesh.configuration(node)[kind].find(({ resources }) => resources.has(name));
  const resource = layer?.resources.get(name);
  return resource === undefined ? 'no resource' : (resourceBranch(resource, place) ?? 'no field');
}

const keyOf = ({ kind, namespace, name }: SourceRef): string => `${kind}/${namespace}/${name}`;

const messageCauses = memo((message: object): ReadonlySet<string> => new Set([...sourcesOf(message)].map(keyOf)));

/** Parts are shared by many resources. */
function resourceCauses({ message, parts }: Resource): ReadonlySet<string> {
  const own = messageCauses(message);
  return parts === undefined ? own : new Set([...own, ...parts.resources.flatMap((part) => [...resourceCauses(part)])]);
}

/** Names of a layer's resources by the objects behind them. */
const resourcesByCause = memo((layer: Layer): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>();
  for (const [name, resource] of layer.resources) {
    for (const cause of resourceCauses(resource)) {
      const known = found.get(cause);
      if (known === undefined) found.set(cause, [name]);
      else known.push(name);
    }
  }
  return found;
});

const mostShown = 50;

async function effect({ mesh, plane }: ConsoleParts, object: SourceRef): Promise<Effect> {
  const key = keyOf(object);
  const all = (await plane.everywhere()).plane.proxies();
  const affected: string[] = [];
  const resources = new Map<string, ResourceName>();
  let live = 0;
  for (const [i, { node, proxy, types }] of all.entries()) {
    if (i % 32 === 31) await breath();
    const configuration = mesh.configuration(node);
    const touched = decodedKinds.filter((kind) => {
      const found = configuration[kind].flatMap((layer) => resourcesByCause(layer).get(key) ?? []);
      for (const name of found.slice(0, mostShown)) resources.set(`${kind}/${name}`, { kind, name });
      return found.length > 0;
    });
    if (touched.length > 0) {
      affected.push(proxy);
      const concerned = types.filter(({ type }) => touched.some((kind) => resourceTypes[kind] === type));
      if (concerned.every(({ synced, lastNack }) => synced && lastNack === undefined)) live++;
    }
  }
  return {
    proxies: all.length,
    affected: affected.length,
    live,
    names: affected.toSorted().slice(0, mostShown),
    resources: [...resources.values()].slice(0, mostShown),
    reasons: affected.length > 0 ? [] : await reasons(mesh, all, object),
  };
}

const most = { reasons: 10, askedForReasons: 50 };

/** What proxies have against it, those of its own namespace first. */
async function reasons(mesh: LiveMesh, all: readonly ProxyStatus[], object: SourceRef): Promise<readonly Problem[]> {
  const found: Problem[] = [];
  const isNear = ({ namespace }: ProxyStatus): boolean => namespace === object.namespace;
  const near = all.toSorted((a, b) => Number(isNear(b)) - Number(isNear(a)));
  for (const { node } of near.slice(0, most.askedForReasons)) {
    found.push(...mesh.translation.objectProblems(node, object));
    await breath();
  }
  return distinct(found).slice(0, most.reasons);
}

/** The running mesh, for what commands ask of one. */
async function reader({ mesh, plane }: ConsoleParts): Promise<TracedMesh> {
  const { settings, services } = mesh.translation.mesh;
  const { plane: joint } = await plane.everywhere();
  const proxies = joint.proxies();
  const nodeOf = (name: string): NodeInfo => {
    const found = proxies.find(({ proxy }) => proxy === name);
    if (found === undefined) throw new WrongQuestion(`the proxy '${name}' is not connected`);
    return found.node;
  };
  return {
    trustDomain: settings.trustDomain,
    services: services.map(({ hostname, namespace, addresses }) => {
      return { hostname, namespace, address: addresses[0] ?? '' };
    }),
    proxies: proxies.map(({ proxy, node }) => ({ name: proxy, address: node.id.split('~')[1] ?? '' })),
    problems: joint.problems(),
    conflicts: (name) => Promise.resolve(proxyProblems(mesh.translation, nodeOf(name), Date.now())),
    hostProblems: (name, host) => Promise.resolve(mesh.translation.hostProblems(nodeOf(name), host)),
    read: (name) => {
      const node = nodeOf(name);
      return Promise.resolve({ node, resources: decodedConfiguration(mesh.configuration(node)) });
    },
  };
}

async function refusals<T>(answer: () => Promise<T>): Promise<T | { readonly refused: string }> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof WrongQuestion) return { refused: error.message };
    throw error;
  }
}

async function difference({ mesh, plane }: ConsoleParts, change: WrittenChange): Promise<Difference> {
  const proxies = (await plane.everywhere()).plane.proxies();
  return configurationDifference(
    mesh,
    proxies.map(({ proxy, node }) => ({ proxy, node })),
    change,
  );
}
