// What one proxy sees: its settings, what it sends to and what it receives. It follows from the mesh but for its endpoints, and
// from the services that lead to the proxy: while these are the same objects, so is the view, and nothing is asked again.
import { memo, memoLast } from '../../model/memo.ts';
import type { Extension } from '../../model/mesh/extension.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { OutboundView, ProxyView } from '../../model/view.ts';
import { extensionsFor } from '../resolve/extension.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { workloadTelemetry } from '../resolve/telemetry/workload-telemetry.ts';
import { inboundView } from './inbound.ts';
import { outboundView } from './outbound.ts';
import { settingsOf } from './own-settings.ts';
import { providerHosts } from './providers.ts';
import type { Target } from './targets.ts';
import { serviceTargets } from './targets.ts';
import type { OutboundBasis, OwnBasis } from './view-basis.ts';
import { outboundBasis, ownBasis } from './view-basis.ts';

export function proxyView(resolved: ResolvedMesh, proxy: Proxy): ProxyView {
  const own = ownView(proxy, ownBasis(resolved, proxy), serviceTargets(resolved, proxy));
  return together(own, outboundOf(own, outboundBasis(resolved)));
}

/** All but what it sends to, and the hosts that the proxy itself talks to. */
interface OwnView {
  readonly seen: Omit<ProxyView, 'outbound'>;
  readonly providers: readonly string[];
}

const ownView = memoLast((read: Proxy, from: OwnBasis, targets: readonly Target[]): OwnView => {
  const settings = settingsOf(from.mesh.settings, read);
  const extensions = extensionsFor(from.extensions, read, from.mesh);
  const proxy = extensions.length === 0 ? read : extended(read, extensions);
  const telemetry = workloadTelemetry(from.mesh, from.telemetries, proxy);
  const inbound = inboundView(from, targets, proxy);
  return same(settings, extensions, telemetry, inbound, proxy, providerHosts(telemetry, inbound.policies, proxy));
});

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
