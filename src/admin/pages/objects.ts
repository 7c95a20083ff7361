// What users wrote and how the mesh is set: configz, authorizationz, telemetryz, mesh, networkz, clusterz, inject.
import type { ObjectBase } from '../../model/object.ts';
import type { Question, Answer } from './page.ts';

/** Never Kubernetes' own kinds: Secrets are among them. */
const shownGroups = ['istio.io', 'gateway.networking.k8s.io', 'keelson.io'];

export function objects({ plane }: Question): Answer {
  const maps = Object.values(plane.snapshot().objects) as readonly ReadonlyMap<string, ObjectBase>[];
  const all = maps.flatMap((map) => [...map.values()]);
  return { json: all.filter(({ apiVersion }) => isShown(apiVersion)).map(objectJson) };
}

export function isShown(apiVersion: string): boolean {
  const group = apiVersion.split('/')[0] ?? '';
  return apiVersion.includes('/') && shownGroups.some((shown) => group === shown || group.endsWith(`.${shown}`));
}

const objectJson = (object: ObjectBase): object =>
  Object.fromEntries(
    Object.entries({ ...object, kind: object.source.kind }).filter(([field]) => !/^(?:source|position)$/.test(field)),
  );

export function authorization({ plane }: Question): Answer {
  const policies = [...plane.snapshot().objects.AuthorizationPolicy.values()];
  const { rootNamespace } = plane.mesh().settings;
  const namespaces = grouped(policies, ({ metadata, spec }) => ({
    name: metadata.name,
    namespace: metadata.namespace,
    annotations: metadata.annotations,
    spec,
  }));
  return { json: { authorization_policies: { namespace_to_policies: namespaces, root_namespace: rootNamespace } } };
}

export function telemetry({ plane }: Question): Answer {
  const all = [...plane.snapshot().objects.Telemetry.values()];
  const { rootNamespace } = plane.mesh().settings;
  const namespaces = grouped(all, ({ metadata, spec }) => ({
    Name: metadata.name,
    Namespace: metadata.namespace,
    Spec: spec,
  }));
  return { json: { telemetries: { namespace_to_telemetries: namespaces, root_namespace: rootNamespace } } };
}

function grouped<T extends ObjectBase>(
  all: readonly T[],
  print: (object: T) => object,
): Readonly<Record<string, readonly object[]>> {
  const groups: Record<string, object[]> = {};
  for (const object of all) (groups[object.metadata.namespace] ??= []).push(print(object));
  return groups;
}

/** Not in Istio's MeshConfig. */
const ofOurs = new Set(['source', 'clusterDomain', 'clusterId', 'features']);

/** MeshConfig with its defaults. */
export function meshConfig({ plane }: Question): Answer {
  const entries = Object.entries(plane.mesh().settings);
  return { json: Object.fromEntries(entries.filter(([field]) => !ofOurs.has(field))) };
}

export function networkGateways({ plane }: Question): Answer {
  const gateways = [...(plane.mesh().networks?.gateways.values() ?? [])].flat();
  const shown = gateways.map(({ network, cluster, address, port }) => ({
    Network: network,
    Cluster: cluster,
    Addr: address,
    Port: port,
  }));
  return { json: shown.length === 0 ? null : shown };
}

export const clusters = ({ plane }: Question): Answer => ({ json: plane.clusters() });
export const injection = ({ plane }: Question): Answer => ({ json: plane.injection() ?? {} });

/** What is wrong, by kind of mistake, then by object: what istiod calls the status of the last push. */
export function pushStatus({ plane }: Question): Answer {
  const byCode: Record<string, Record<string, { readonly message: string }>> = {};
  for (const { code, source, message } of plane.problems()) {
    const object = source === undefined ? '' : `${source.kind}/${source.namespace}/${source.name}`;
    (byCode[code] ??= {})[object] = { message };
  }
  return { json: byCode };
}

export const problems = ({ plane }: Question): Answer => ({ json: plane.problems() });
export const rejections = ({ plane }: Question): Answer => ({ json: plane.rejections() });
