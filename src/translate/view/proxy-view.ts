// What one proxy sees: its settings, what it sends to and what it receives. It follows from the mesh but for its endpoints, and
// from the services that lead to the proxy: while these are the same objects, so is the view, and nothing is asked again.
import { memo } from '../../model/memo.ts';
import type { Extension } from '../../model/mesh/extension.ts';
import type { Mesh, MeshSettings } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { InboundView, ProxyView } from '../../model/view.ts';
import { extensionsFor } from '../resolve/extension.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { workloadTelemetry } from '../resolve/telemetry/workload-telemetry.ts';
import { inboundView } from './inbound.ts';
import { outboundView } from './outbound.ts';
import { settingsOf } from './own-settings.ts';
import { providerHosts } from './providers.ts';
import type { Target } from './targets.ts';
import { serviceTargets } from './targets.ts';

/** What views follow from: all that changes less often than endpoints do. */
export interface ViewBasis extends Pick<
  ResolvedMesh,
  | 'facts'
  | 'sidecars'
  | 'mtls'
  | 'authorization'
  | 'authentication'
  | 'extensions'
  | 'limits'
  | 'serviceLimits'
  | 'telemetries'
  | 'keySets'
> {
  readonly mesh: Pick<Mesh, 'settings' | 'services' | 'destinationPolicies' | 'virtualServices'>;
}

export const proxyView = (resolved: ResolvedMesh, proxy: Proxy): ProxyView =>
  seenFrom(basisOf(resolved), serviceTargets(resolved, proxy), proxy);

const basisOf = memo((resolved: ResolvedMesh): ViewBasis => {
  const { mesh, sidecars, facts, mtls, keySets } = resolved;
  const { authorization, authentication, extensions, limits, serviceLimits, telemetries } = resolved;
  return basis(
    mesh.settings,
    mesh.services,
    facts,
    mesh.destinationPolicies,
    mesh.virtualServices,
    sidecars,
    mtls,
    authorization,
    authentication,
    extensions,
    limits,
    serviceLimits,
    telemetries,
    keySets,
  );
});

const basis = memo(
  (
    settings: Mesh['settings'],
    services: Mesh['services'],
    facts: ViewBasis['facts'],
    destinationPolicies: Mesh['destinationPolicies'],
    virtualServices: Mesh['virtualServices'],
    sidecars: ViewBasis['sidecars'],
    mtls: ViewBasis['mtls'],
    authorization: ViewBasis['authorization'],
    authentication: ViewBasis['authentication'],
    extensions: ViewBasis['extensions'],
    limits: ViewBasis['limits'],
    serviceLimits: ViewBasis['serviceLimits'],
    telemetries: ViewBasis['telemetries'],
    keySets: ViewBasis['keySets'],
  ): ViewBasis => ({
    mesh: { settings, services, destinationPolicies, virtualServices },
    facts,
    sidecars,
    mtls,
    authorization,
    authentication,
    extensions,
    limits,
    serviceLimits,
    telemetries,
    keySets,
  }),
);

const seenFrom = memo((from: ViewBasis, targets: readonly Target[], read: Proxy): ProxyView => {
  const settings = settingsOf(from.mesh.settings, read);
  const extensions = extensionsFor(from.extensions, read, from.mesh);
  const proxy = extensions.length === 0 ? read : extended(read, extensions);
  const telemetry = workloadTelemetry(from.mesh, from.telemetries, proxy);
  const inbound = inboundView(from, targets, proxy);
  const outbound = outboundView(from, proxy, providerHosts(telemetry, inbound.policies, proxy));
  return view(settings, extensions, telemetry, outbound, inbound, proxy);
});

const extended = memo((proxy: Proxy, extensions: readonly Extension[]): Proxy => ({
  ...proxy,
  extensions: extensions.map(({ use }) => use),
}));

/** The same view for a proxy as long as it sees the same. */
const view = memo(
  (
    settings: MeshSettings,
    extensions: readonly Extension[],
    telemetry: ProxyView['telemetry'],
    outbound: ProxyView['outbound'],
    inbound: InboundView,
    proxy: Proxy,
  ): ProxyView => ({ settings, proxy, extensions, outbound, inbound, telemetry }),
);
