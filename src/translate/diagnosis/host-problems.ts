// Why a proxy does not know a host that somebody asks it for, or does not look at the requests for it: from the service that
// was meant to the object and field that keep it away.
// https://istio.io/latest/docs/ops/common-problems/network-issues/
import type { MeshSettings, Service } from '../../model/mesh/mesh.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import type { Problem } from '../../model/problem.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { ProxyView } from '../../model/view.ts';
import { at } from '../../model/source.ts';
import { hostMatches } from '../resolve/routing/host.ts';
import { isHttp } from '../resolve/services/protocol.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { isVisible } from '../resolve/scope/visibility.ts';
import { sidecarFor } from '../view/sidecar-scope.ts';
import { notHttp } from './route-protocols.ts';
import { listed } from './words.ts';

interface Asked {
  /** As it was asked for, without its port. */
  readonly name: string;
  /** Hosts that the name may stand for where the proxy is. */
  readonly hosts: readonly string[];
  readonly port: number | undefined;
}

/** `host` as a client writes it: a short name is completed in the proxy's namespace, a port may follow. */
export function hostProblems(
  { mesh, sidecars }: ResolvedMesh,
  seen: ProxyView,
  objects: SnapshotObjects,
  host: string,
): readonly Problem[] {
  const { proxy, outbound, settings } = seen;
  const asked = askedHost(host, proxy.namespace, settings.clusterDomain);
  const sidecar =
    proxy.type === 'sidecar' ? sidecarFor(sidecars, proxy.namespace, proxy.labels, settings.rootNamespace) : undefined;
  const meant = mesh.services.filter((service) => isMeant(service, asked));
  const routes = unusedRoutes(mesh.virtualServices, seen, asked);
  if (meant.length === 0) return [unknown(asked, mesh.services, seen, sidecar), ...routes];
  const exported = meant.filter(({ visibility }) => isVisible(visibility, proxy.namespace));
  const [first] = meant;
  if (exported.length === 0 && first !== undefined)
    return [notExported(first, proxy.namespace, settings, objects), ...routes];
  const inSight = outbound.services.map(({ service }) => service).filter((service) => isMeant(service, asked));
  const [hidden] = exported;
  if (inSight.length === 0 && hidden !== undefined) return [outOfScope(hidden, seen, sidecar), ...routes];
  return [...inSight.flatMap((service) => portProblems(service, asked)), ...routes];
}

function askedHost(written: string, namespace: string, domain: string): Asked {
  const [, name = written, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(written.toLowerCase()) ?? [];
  const labels = name.split('.').length;
  const completed = [`${name}.${namespace}.svc.${domain}`, `${name}.svc.${domain}`, `${name}.${domain}`];
  return {
    name,
    hosts: labels > 4 ? [name] : [name, ...completed],
    port: port === undefined ? undefined : Number(port),
  };
}

const isMeant = ({ hostname, addresses, aliases }: Service, { name, hosts }: Asked): boolean =>
  addresses.includes(name) ||
  [hostname, ...aliases.map((alias) => alias.hostname)].some((own) => hosts.some((host) => hostMatches(own, host)));

const warning = (code: string, source: SourceRef, message: string): Problem => ({
  code,
  severity: 'warning',
  message,
  source,
});

/** Nobody has it. */
function unknown(
  { name }: Asked,
  services: readonly Service[],
  { outbound, settings }: ProxyView,
  sidecar: KindMap['Sidecar'] | undefined,
): Problem {
  const [first = ''] = name.split('.');
  const alike = services.filter((service) => service.name === first).map(({ hostname }) => hostname);
  const hint = alike.length === 0 ? '' : `; there is ${listed(alike)}`;
  const what = `no Service and no ServiceEntry has the host ${name}${hint}`;
  if (outbound.unknownDestinations.kind !== 'block')
    return {
      code: 'unknown-host',
      severity: 'warning',
      message: `${what}: it is not of the mesh, and no rule is about it`,
    };
  const own = sidecar?.spec.outboundTrafficPolicy;
  const source =
    sidecar !== undefined && own !== undefined
      ? at(sidecar.source, 'spec.outboundTrafficPolicy')
      : at(settings.source, 'outboundTrafficPolicy.mode');
  return warning(
    'egress-blocked',
    source,
    `lets nobody call what the mesh does not know (REGISTRY_ONLY), and ${what}: add a ServiceEntry for it, or write mode: ALLOW_ANY`,
  );
}

const exportAnnotation = 'networking.istio.io/exportTo';

function notExported(service: Service, namespace: string, settings: MeshSettings, objects: SnapshotObjects): Problem {
  const { source, visibility, hostname } = service;
  const to = visibility.namespaces.length === 0 ? 'nobody' : listed(visibility.namespaces);
  const remedy = `add "${namespace}" or "*"`;
  const words = `${hostname} is exported to ${to} and not to ${namespace}, so the proxy does not know it; ${remedy}`;
  return warning('host-not-exported', exportedBy(service, settings, objects) ?? source, words);
}

/** The object's own field, else the mesh's default. */
function exportedBy({ source, namespace, name, registry }: Service, settings: MeshSettings, objects: SnapshotObjects) {
  const key = `${namespace}/${source.name}`;
  if (registry === 'External') {
    const own = objects.ServiceEntry.get(key)?.spec.exportTo ?? [];
    return own.length > 0 ? at(source, 'spec.exportTo') : at(settings.source, 'defaultServiceExportTo');
  }
  const annotations = objects.Service.get(`${namespace}/${name}`)?.metadata.annotations ?? {};
  return annotations[exportAnnotation] === undefined
    ? at(settings.source, 'defaultServiceExportTo')
    : at(source, `metadata.annotations[${exportAnnotation}]`);
}

function outOfScope(
  { namespace, hostname, source }: Service,
  seen: ProxyView,
  sidecar: KindMap['Sidecar'] | undefined,
) {
  const remedy = `add "${namespace}/${hostname}" to the hosts of one`;
  return warning(
    'host-out-of-scope',
    sidecar === undefined ? source : at(sidecar.source, 'spec.egress'),
    `no egress listener lets proxies of ${seen.proxy.namespace} see ${hostname}; ${remedy}`,
  );
}

function portProblems(service: Service, { port }: Asked): readonly Problem[] {
  const source = at(service.source, 'spec.ports');
  const ports = service.ports.filter((each) => !isDatagram(each));
  const numbers = ports.map(({ number }) => String(number));
  if (port !== undefined && !numbers.includes(String(port)))
    return [warning('unknown-port', source, `${service.hostname} has no port ${port} that the proxy knows, only ${listed(numbers)}`)]; // prettier-ignore
  return ports
    .filter((each) => (port === undefined || each.number === port) && !isHttp(each.protocol) && each.protocol !== 'Auto')
    .map((each) => warning('not-http', source, `${notHttp(service, each)}: requests there are bytes, and no rule for HTTP sees them`)); // prettier-ignore
}

/** VirtualServices that name the host and say nothing to this proxy. */
function unusedRoutes(all: readonly VirtualService[], { proxy, outbound }: ProxyView, { hosts }: Asked) {
  if (proxy.type !== 'sidecar') return [];
  const used = new Set(
    outbound.egress.flatMap(({ virtualServices }) => virtualServices.map((view) => view.virtualService)),
  );
  return all
    .filter(
      (route) =>
        !used.has(route) &&
        route.api === 'istio' &&
        route.hosts.some((own) => hosts.some((host) => hostMatches(own, host))),
    ) // prettier-ignore
    .map((route) => {
      if (!route.gateways.includes('mesh'))
        return warning('no-effect', at(route.source, 'spec.gateways'), `is for ${listed(route.gateways)} only and not for sidecars: add mesh`); // prettier-ignore
      if (!isVisible(route.visibility, proxy.namespace))
        return warning('no-effect', at(route.source, 'spec.exportTo'), `is not exported to ${proxy.namespace}, so its rules do not apply there; add "${proxy.namespace}" or "*"`); // prettier-ignore
      return warning('no-effect', route.source, `no egress listener of the Sidecar object that governs the proxy lets it through; add "${route.namespace}/${route.hosts[0]}" to the hosts of one`); // prettier-ignore
    });
}
