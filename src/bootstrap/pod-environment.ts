// What an injected Pod and the program that prepares its proxy agree on: where files are, and what variables of the
// environment mean. The names are those of Istio's own sidecars where there is one.
// https://istio.io/latest/docs/reference/commands/pilot-agent/#envvars

/** Directories and files in the containers of a Pod. */
export const podFiles = {
  /** Written by the init container, read by Envoy. */
  directory: '/etc/istio/proxy',
  bootstrap: 'envoy.json',
  /** Of the volume with the labels of the Pod. */
  podInfo: '/etc/istio/pod',
  token: '/var/run/secrets/tokens/istio-token',
  rootCertificates: '/var/run/secrets/istio/root-cert.pem',
} as const;

export const servicePorts = { admin: 15000, status: 15020, readiness: 15021, metrics: 15090 } as const;

/** Variables beside those that a sidecar of Istio's has. */
export const ownVariables = {
  /** All addresses of the Pod, comma separated. */
  addresses: 'INSTANCE_IPS',
  /** `0`: no status port. */
  statusPort: 'KEELSON_STATUS_PORT',
  /** What the request that begins the drain must present. */
  drainToken: 'KEELSON_DRAIN_TOKEN',
  clusterDomain: 'KEELSON_CLUSTER_DOMAIN',
  /** JSON: a list of BootstrapPatch (see model/bootstrap-patch.ts). */
  bootstrapPatches: 'KEELSON_BOOTSTRAP_PATCHES',
} as const;

/** Variables that begin so become metadata of Envoy's node. */
export const metadataPrefix = 'ISTIO_META_';
