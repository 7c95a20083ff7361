// ProxyConfig: settings of the proxies of a namespace or workload.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/
import type { Static } from './fields.ts';
import { integer, map, message, string, text } from './fields.ts';
import { PolicyWorkloadSelector } from './common.ts';

export const ProxyImage = message({ imageType: string });
export type ProxyImage = Static<typeof ProxyImage>;

/** `spec` of kind ProxyConfig; the mesh's `defaultConfig` is ProxyConfigSpec of mesh-config. */
export const ProxyConfigResourceSpec = message({
  selector: PolicyWorkloadSelector,
  concurrency: integer(0, 2147483647),
  environmentVariables: map(text({ maxLength: 2048 })),
  image: ProxyImage,
});
export type ProxyConfigResourceSpec = Static<typeof ProxyConfigResourceSpec>;
