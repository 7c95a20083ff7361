// The mesh's settings as one proxy has them: a workload's own ProxyConfig takes the place of the mesh's in what it says of
// the headers on routes and clusters. Workloads that mean the same as the mesh share its settings, and so its resources.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import { memo, sharedValue } from '../../model/memo.ts';

type Headers = NonNullable<NonNullable<MeshSettings['defaultConfig']>['proxyHeaders']>;

export const settingsOf = memo((settings: MeshSettings, proxy: Proxy): MeshSettings => {
  const own = record(proxy.metadata['PROXY_CONFIG']);
  if (own === undefined) return settings;
  const ofMesh = headersOf(record(settings.defaultConfig?.proxyHeaders));
  const ofProxy = headersOf(record(own['proxyHeaders']));
  return ofMesh === ofProxy ? settings : withHeaders(settings, ofProxy);
});

const withHeaders = memo((settings: MeshSettings, proxyHeaders: Headers): MeshSettings => ({
  ...settings,
  defaultConfig: { ...settings.defaultConfig, proxyHeaders },
}));

/** Canonical. It comes from the network, so nothing in it is trusted to fit. */
function headersOf(headers: Readonly<Record<string, unknown>> | undefined): Headers {
  const is = (field: string, key: string): boolean => record(headers?.[field])?.[key] === true;
  return sharedValue({
    attemptCount: { disabled: is('attemptCount', 'disabled') },
    xForwardedHost: { enabled: is('xForwardedHost', 'enabled') },
    preserveHttp1HeaderCase: headers?.['preserveHttp1HeaderCase'] === true,
  });
}

const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
