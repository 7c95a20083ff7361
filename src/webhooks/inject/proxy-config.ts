// The settings of one Pod's proxy: Istio's defaults, the mesh's, those of ProxyConfig objects and the Pod's annotation, each
// laid over what is wider.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
import type { ProxyConfigLayers } from '../../model/mesh/proxy-config.ts';
import type { ProxyConfigResourceSpec, ProxyConfigSpec } from '../../model/schema/index.ts';

import { ProxyConfigSpec as schema } from '../../model/schema/mesh-proxy-config.ts';
import { schemaCheck } from '../../watchers/schema/schema-check.ts';
import { readEmbedded } from '../../watchers/yaml/embedded-yaml.ts';

export const configAnnotation = 'proxy.istio.io/config';

const builtIn = {
  configPath: './etc/istio/proxy',
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  drainDuration: '45s',
  terminationDrainDuration: '5s',
  proxyAdminPort: 15000,
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
  statNameLength: 189,
  statusPort: 15020,
} as const satisfies ProxyConfigSpec;

/** With what everything has by default. */
export type EffectiveProxyConfig = ProxyConfigSpec & Required<Pick<ProxyConfigSpec, keyof typeof builtIn>>;

export function effectiveProxyConfig(
  meshDefault: ProxyConfigSpec | undefined,
  layers: ProxyConfigLayers,
  annotation: ProxyConfigSpec,
): EffectiveProxyConfig {
  const ordered = [
    meshDefault ?? {},
    asProxyConfig(layers.mesh),
    asProxyConfig(layers.namespace),
    annotation,
    asProxyConfig(layers.workload),
  ];
  return ordered.reduce<EffectiveProxyConfig>(overlay, builtIn);
}

/** What is not as it is by default: all that the proxy has to be told. */
export function differences(config: EffectiveProxyConfig): ProxyConfigSpec {
  const usual: Readonly<Record<string, unknown>> = builtIn;
  return Object.fromEntries(Object.entries(config).filter(([field, value]) => usual[field] !== value));
}

/** Fields replace each other, but for the maps, which are joined. */
const overlay = <T extends ProxyConfigSpec>(lower: T, upper: ProxyConfigSpec): T => ({
  ...lower,
  ...upper,
  ...((lower.proxyMetadata ?? upper.proxyMetadata) && {
    proxyMetadata: { ...lower.proxyMetadata, ...upper.proxyMetadata },
  }),
  ...((lower.proxyHeaders ?? upper.proxyHeaders) && {
    proxyHeaders: { ...lower.proxyHeaders, ...upper.proxyHeaders },
  }),
});

function asProxyConfig(spec: ProxyConfigResourceSpec | undefined): ProxyConfigSpec {
  if (spec === undefined) return {};
  const { concurrency, image, environmentVariables } = spec;
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(image !== undefined && { image }),
    ...(environmentVariables !== undefined && { proxyMetadata: environmentVariables }),
  };
}

const check = schemaCheck(schema);

export interface ReadProxyConfig {
  readonly config: ProxyConfigSpec;
  /** Sentences. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** The text of the annotation `proxy.istio.io/config`. */
export function readProxyConfig(text: string): ReadProxyConfig {
  const { value, drafts } = readEmbedded(text, ['metadata', 'annotations', configAnnotation], schema, check);
  const of = (wanted: string) => drafts.filter(({ severity }) => severity === wanted).map(({ message }) => message);
  return { config: value as ProxyConfigSpec, errors: of('error'), warnings: of('warning') };
}
