// The environment of the proxy: Istio's variables, less those that only an agent reads. The init container gets them as
// well, as it writes what Envoy starts with from them.
// https://istio.io/latest/docs/reference/commands/pilot-agent/#envvars
import { networkLabel } from '../../../model/mesh/labels.ts';
import type { EnvVar } from '../pod/pod.ts';
import { differences } from '../proxy-config.ts';
import type { Context } from './context.ts';
import { appContainers } from './context.ts';

const variable = (name: string, value: string): EnvVar => ({ name, value });
const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const processors: EnvVar = {
  name: 'ISTIO_CPU_LIMIT',
  valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1' } },
};

export const bootstrapOverride = {
  annotation: 'sidecar.istio.io/bootstrapOverride',
  directory: '/etc/istio/custom-bootstrap',
  file: '/etc/istio/custom-bootstrap/custom_bootstrap.json',
  volume: 'custom-bootstrap-volume',
} as const;

/** In Istio's order. What a Pod adds to its own container comes after. */
export function proxyEnvironment(context: Context): readonly EnvVar[] {
  const { config, mode, values, owner, settings, place, workload, network, cluster, annotations } = context;
  const meshId = values.text('global.meshID') ?? config.meshId ?? trustDomain(context);
  const kinds = `${owner.kind.toLowerCase()}s`;
  const applications = appContainers(context)
    .map(({ name }) => name)
    .join(',');
  return [
    ...(settings.mesh.inboundTrafficPolicy?.mode === 'LOCALHOST'
      ? [variable('REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION', 'true')]
      : []),
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    processors,
    variable('PROXY_CONFIG', JSON.stringify(differences(config))),
    variable('ISTIO_META_POD_PORTS', JSON.stringify(context.pod.spec.containers.flatMap(({ ports }) => ports ?? []))),
    ...(applications === '' ? [] : [variable('ISTIO_META_APP_CONTAINERS', applications)]),
    variable('ISTIO_META_CLUSTER_ID', cluster),
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    variable('ISTIO_META_INTERCEPTION_MODE', mode),
    ...(network === undefined ? [] : [variable('ISTIO_META_NETWORK', network)]),
    ...(workload === '' ? [] : [variable('ISTIO_META_WORKLOAD_NAME', workload)]),
    ...(owner.name === ''
      ? []
      : [
          variable(
            'ISTIO_META_OWNER',
            `kubernetes://apis/${owner.apiVersion}/namespaces/${place.namespace}/${kinds}/${owner.name}`,
          ),
        ]),
    ...(annotations[bootstrapOverride.annotation] === undefined
      ? []
      : [variable('ISTIO_BOOTSTRAP_OVERRIDE', bootstrapOverride.file)]),
    variable('ISTIO_META_MESH_ID', meshId),
    variable('TRUST_DOMAIN', trustDomain(context)),
    ...metadataVariables(context),
  ];
}

/** What the user wants in the environment of every proxy. */
const metadataVariables = ({ config }: Context): readonly EnvVar[] =>
  Object.entries(config.proxyMetadata ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => variable(name, value));

const trustDomain = ({ settings, values }: Context): string =>
  settings.mesh.trustDomain ?? values.text('global.trustDomain') ?? 'cluster.local';

/** A network that the Pod's label does not say yet. */
export const networkLabels = ({ labels, network }: Context): Readonly<Record<string, string>> =>
  network === undefined || labels[networkLabel] !== undefined ? {} : { [networkLabel]: network };
