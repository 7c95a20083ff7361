// The patches of one proxy: its configuration with them, and what became of each.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import { selects } from '../../model/mesh/labels.ts';
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { memo, sharedValue } from '../../model/memo.ts';
import type { Mesh } from '../../model/mesh/mesh.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import type { PatchPlaces } from '../../model/envoy/patch-places.ts';
import type { Configuration, Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { ProxyView } from '../../model/view.ts';
import { addsTo } from './conditions.ts';
import type { PatchedConfiguration } from './configuration-patch.ts';
import { patchConfiguration } from './configuration-patch.ts';
import type { Patch } from './patch.ts';
import type { PatchFacts } from './resource-patch.ts';
import type { FiltersByNamespace } from './selection.ts';
import { patchesFor } from './selection.ts';

export interface PatchedProxy extends Pick<PatchedConfiguration, 'configuration' | 'problems'> {
  /** Configurations of extensions, for filters that refer to them. */
  readonly extensions: readonly { readonly resource: Resource; readonly namespace: string }[];
  readonly places: readonly PatchPlaces[];
}

export function patchedProxy(
  types: MessageTypes,
  filters: FiltersByNamespace,
  mesh: Mesh,
  view: ProxyView,
  configuration: Configuration,
): PatchedProxy {
  const patches = patchesFor(types, filters, view.proxy, view.settings.rootNamespace);
  if (patches.length === 0) return { configuration, extensions: [], places: [], problems: [] };
  const patched = patchConfiguration(types, configuration, patches, factsOf(mesh, view, patches));
  const extensions = patches.filter((patch) => addsExtension(patch, view));
  return {
    configuration: patched.configuration,
    problems: patched.problems,
    extensions: extensions.map((patch) => ({ resource: extensionResource(patch), namespace: patch.source.namespace })),
    places: [...patched.places]
      .filter(([{ applyTo }]) => applyTo !== 'EXTENSION_CONFIG' && applyTo !== 'BOOTSTRAP')
      .map(([{ source }, places]) => ({ source, places })),
  };
}

const addsExtension = (patch: Patch, { proxy }: ProxyView): boolean =>
  patch.applyTo === 'EXTENSION_CONFIG' &&
  patch.operation === 'ADD' &&
  (proxy.type === 'router'
    ? addsTo(patch, 'GATEWAY')
    : addsTo(patch, 'SIDECAR_OUTBOUND') || addsTo(patch, 'SIDECAR_INBOUND'));

const extensionResource = memo(({ value }: Patch): Resource => {
  const { name = '' } = value as { readonly name?: string };
  return { type: resourceTypes.extension, name, message: value };
});

/** No more than the patches look at, so that more proxies share. */
function factsOf(mesh: Mesh, { proxy, inbound }: ProxyView, patches: readonly Patch[]): PatchFacts {
  const isGateway = proxy.type === 'router';
  const byHost = patches.some(({ match }) => (match.cluster?.service ?? '') !== '');
  const byPort = patches.some(({ match }) => (match.routeConfiguration?.portNumber ?? 0) !== 0);
  const hosts = byHost && !isGateway ? inbound.ports : [];
  return sharedValue({
    isGateway,
    isWaypoint: proxy.type === 'waypoint',
    inboundHosts: Object.fromEntries(
      hosts.map(({ targetPort, service }) => [targetPort, service === undefined ? [] : [service.hostname]]),
    ),
    servicePorts: byPort && isGateway ? servicePorts(mesh, proxy) : {},
  });
}

/** By the port of the gateway's workload that they lead to. */
function servicePorts(mesh: Mesh, { namespace, labels }: ProxyView['proxy']): PatchFacts['servicePorts'] {
  const ports = mesh.services
    .filter(({ selector, ...service }) => service.namespace === namespace && selector && selects(selector, labels))
    .flatMap((service) => service.ports);
  const leading = ports.filter((port) => typeof port.targetPort !== 'string' && !isDatagram(port));
  const byTarget = Map.groupBy(leading, ({ targetPort, number }) => (targetPort as number | undefined) ?? number);
  return Object.fromEntries([...byTarget].map(([target, own]) => [target, own.map(({ number }) => number)]));
}
