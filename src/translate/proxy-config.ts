// How a proxy is configured to run: by the workload's own ProxyConfig, which replaces the mesh's as a whole.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
import type { MeshSettings } from '../model/mesh/mesh.ts';
import type { Proxy } from '../model/proxy/proxy.ts';
import type { JsonObject } from './json-object.ts';
import { jsonObject } from './json-object.ts';

/** As the workload says it. */
export const ownProxyConfig = ({ metadata }: Proxy): JsonObject | undefined => jsonObject(metadata['PROXY_CONFIG']);

export const proxyConfig = (settings: MeshSettings, proxy: Proxy): JsonObject =>
  ownProxyConfig(proxy) ?? jsonObject(settings.defaultConfig) ?? {};
