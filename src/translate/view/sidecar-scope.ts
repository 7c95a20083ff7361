// Which Sidecar object governs a proxy, and which hosts its egress listeners let through.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import { memo } from '../../model/memo.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { hostsOverlap } from '../resolve/routing/host.ts';
import { selects } from '../../model/mesh/labels.ts';

type Sidecar = KindMap['Sidecar'];
type Labels = Readonly<Record<string, string>>;

/** One that selects the workload, else the namespace's default, else the root namespace's; the oldest of several. */
export const sidecarFor = memo(
  (sidecars: readonly Sidecar[], namespace: string, labels: Labels, rootNamespace: string): Sidecar | undefined => {
    const own = sidecars.filter((sidecar) => sidecar.metadata.namespace === namespace);
    const selectorOf = (sidecar: Sidecar): Labels | undefined => sidecar.spec.workloadSelector?.labels;
    return (
      own.find((sidecar) => selectorOf(sidecar) !== undefined && selects(selectorOf(sidecar) ?? {}, labels)) ??
      own.find((sidecar) => selectorOf(sidecar) === undefined) ??
      sidecars.find((sidecar) => sidecar.metadata.namespace === rootNamespace && selectorOf(sidecar) === undefined)
    );
  },
);

/** Whether hosts `namespace/dns` let something of `owner` under one of `names` through, for a Sidecar of `namespace`. */
export function admits(hosts: readonly string[], namespace: string, owner: string, names: readonly string[]): boolean {
  return hosts.some((host) => {
    const slash = host.indexOf('/');
    const scope = slash < 0 ? '*' : host.slice(0, slash);
    const pattern = slash < 0 ? host : host.slice(slash + 1);
    const inScope = scope === '*' || (scope === '.' ? owner === namespace : scope === owner);
    return inScope && names.some((name) => hostsOverlap(pattern, name));
  });
}
