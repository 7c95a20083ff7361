// Services that filters of our own kinds ask: found by the names that their objects have for them.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/grpc_service.proto
import { sharedValue } from '../../../model/memo.ts';
import type { MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { AskedService } from '../../../model/mesh/workload-policies.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import { at } from '../../../model/source.ts';
import { hostOf, namespacesByHost } from '../security/extension-provider.ts';

/** As it is written: a Service of the namespace, a host, or `namespace/host`. */
interface WrittenService {
  readonly service: string;
  readonly port: number;
}

/** Undefined where it is not exactly one service of the mesh. */
export function askedService(
  { service, port }: WrittenService,
  namespace: string,
  services: readonly Service[],
  { clusterDomain }: Pick<MeshSettings, 'clusterDomain'>,
): AskedService | undefined {
  const name = /[./]/.test(service) ? service : `${service}.${namespace}.svc.${clusterDomain}`;
  const host = hostOf(namespacesByHost(services), name);
  return host === undefined ? undefined : sharedValue({ host, port });
}

/** Nobody can be asked: `effect` says what happens then. `path` leads to the service's name. */
export const nobodyToAsk = (
  { source, position }: ObjectBase,
  code: string,
  path: string,
  service: string,
  effect: string,
): Problem => ({
  code,
  severity: 'warning',
  message: `"${service}" is not exactly one service of the mesh: ${effect}`,
  source: at(source, path),
  ...(position !== undefined && { position }),
});
