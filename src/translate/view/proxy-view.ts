// What one proxy sees: its settings, what it sends to and what it receives. It follows from the mesh but for its endpoints, and
// from the services that lead to the proxy: while these are the same objects, so is the view, and nothing is asked again.
import { memo, memoLast, sharedFields } from '../../model/memo.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { Extension } from '../../model/mesh/extension.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { OutboundView, ProxyView } from '../../model/view.ts';
import { extensionsFor } from '../resolve/extensions/extension.ts';
import type { Installation } from '../resolve/settings/mesh-settings.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { workloadTelemetry } from '../resolve/telemetry/workload-telemetry.ts';
import { inboundPolicies, inboundView } from './inbound.ts';
import { outboundView } from './outbound.ts';
import { settingsOf } from './own-settings.ts';
import { providerHosts } from './providers.ts';
import { proxyOf } from './proxy.ts';
import type { Target, TargetSources } from './targets.ts';
import { serviceTargets, targetSources } from './targets.ts';
import type { OutboundBasis, OwnBasis } from './view-basis.ts';
import { meshBasis, outboundBasis, ownBasis } from './view-basis.ts';

/** Undefined for what is no proxy of a mesh. */
export function proxyView(resolved: ResolvedMesh, installation: Installation, node: NodeInfo): ProxyView | undefined {
  const found = foundFor(node, installation, everyProxy(resolved));
  if (found === undefined) return undefined;
  const { proxy, basis, targets } = found;
  const { settings, destinationPolicies } = resolved.mesh;
  const own = ownView(
    proxy,
    basis,
    targets,
    inboundPolicies(proxy, targets, destinationPolicies, settings.rootNamespace),
  );
  return together(own, outboundOf(own, outboundBasis(resolved)));
}

/** What says who proxies are and what is there for them to receive: while it is the same, nothing of that is asked again. */
interface EveryProxy {
  readonly sources: TargetSources;
  readonly machines: ResolvedMesh['machines'];
  readonly basis: OwnBasis;
}

const everyProxy = memo((resolved: ResolvedMesh): EveryProxy =>
  sharedFields({ sources: targetSources(resolved), machines: resolved.machines, basis: meshBasis(resolved) }),
);

const foundFor = memoLast((node: NodeInfo, installation: Installation, { sources, machines, basis }: EveryProxy) => {
  const proxy = proxyOf(node, installation, sources.pods, machines);
  return proxy && { proxy, basis: ownBasis(basis, proxy), targets: serviceTargets(sources, proxy) };
});

/** All but what it sends to, and the hosts that the proxy itself talks to. */
interface OwnView {
  readonly seen: Omit<ProxyView, 'outbound'>;
  readonly providers: readonly string[];
}

const ownView = memoLast(
  (read: Proxy, from: OwnBasis, targets: readonly Target[], policies: readonly object[]): OwnView => {
    const settings = settingsOf(from.mesh.settings, read);
    const extensions = extensionsFor(from.extensions, read, from.mesh);
    const proxy = extensions.length === 0 ? read : extended(read, extensions);
    const telemetry = workloadTelemetry(from.mesh, from.telemetries, proxy);
    const inbound = inboundView(from, targets, policies, proxy);
    return same(settings, extensions, telemetry, inbound, proxy, providerHosts(telemetry, inbound.policies, proxy));
  },
);

const extended = memo((proxy: Proxy, extensions: readonly Extension[]): Proxy => ({
  ...proxy,
  extensions: extensions.map(({ use }) => use),
}));

/** The same view for a proxy as long as it sees the same. */
const same = memo(
  (
    settings: ProxyView['settings'],
    extensions: ProxyView['extensions'],
    telemetry: ProxyView['telemetry'],
    inbound: ProxyView['inbound'],
    proxy: Proxy,
    providers: readonly string[],
  ): OwnView => ({ seen: { settings, extensions, telemetry, inbound, proxy }, providers }),
);

const outboundOf = memoLast(({ seen: { proxy }, providers }: OwnView, from: OutboundBasis): OutboundView =>
  outboundView(from, proxy, providers),
);

const together = memoLast(({ seen }: OwnView, outbound: OutboundView): ProxyView => ({ ...seen, outbound }));
