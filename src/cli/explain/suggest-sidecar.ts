// `keelson explain --suggest-sidecar`: the Sidecar object that lets a workload see the services it was seen to use and no
// others. Which they are its Envoy says; what the object would leave is asked of translation.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import type { Service } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { IstioEgressListener, KindMap } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import type { OutboundView } from '../../model/view.ts';
import type { ResolvedMesh } from '../../translate/resolve/mesh.ts';
import type { Io } from '../io.ts';
import type { Use } from './observed-use.ts';

import { stringify } from 'yaml';

import { objectKey } from '../../model/object.ts';
import { isLazy } from '../../translate/lazy/lazy-proxy.ts';
import { hostsOverlap } from '../../translate/resolve/routing/host.ts';
import { installation } from '../../daemon/mesh/installation.ts';
import { resolveMesh } from '../../translate/resolve/mesh.ts';
import { destinationHosts } from '../../translate/resolve/routing/virtual-service.ts';
import { translate } from '../../translate/translate.ts';
import { outboundView } from '../../translate/view/outbound.ts';
import { proxyOf } from '../../translate/view/proxy.ts';
import { admits, sidecarFor } from '../../translate/view/sidecar-scope.ts';
import { exit, table, UsageError } from '../io.ts';
import { AdminError, observedUse } from './observed-use.ts';
import { nodeOfProxy } from '../mesh/offline.ts';

type Sidecar = KindMap['Sidecar'];
type Labels = Readonly<Record<string, string>>;

/** What may be let through: a service, or the hosts of a VirtualService. */
interface Entry {
  readonly namespace: string;
  readonly host: string;
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Sidecar';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Sidecar['spec'];
}

/** Prints the object, and what it rests on to stderr. `proxy` is `pod.namespace`, `admin` a URL. */
export async function suggestSidecar(
  snapshot: Snapshot,
  proxy: string,
  admin: string,
  json: boolean,
  io: Io,
): Promise<number> {
  if (!/^https?:\/\/[^/?#]+\/*$/.test(admin))
    throw new UsageError(`--admin is a URL such as http://127.0.0.1:15000, not '${admin}'`);
  const seen = proxyIn(snapshot, proxy);
  try {
    const used = await observedUse(admin, proxy, fetchedByUse(snapshot, seen));
    return report(snapshot, seen, used, json, io);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    const at = proxy.lastIndexOf('.');
    io.stderr(
      `keelson explain: ${error.message}\nIt listens inside the Pod only. To reach it: kubectl port-forward -n ` +
        `${proxy.slice(at + 1)} pod/${proxy.slice(0, at)} 15000:15000, then --admin http://127.0.0.1:15000\n`,
    );
    return exit.bad;
  }
}

interface SeenProxy {
  readonly name: string;
  readonly proxy: Proxy;
  readonly resolved: ResolvedMesh;
}

function proxyIn(snapshot: Snapshot, name: string): SeenProxy {
  const own = installation();
  const resolved = resolveMesh(own, snapshot);
  const proxy = proxyOf(nodeOfProxy(name, snapshot), own, resolved.pods, resolved.machines);
  if (proxy === undefined) throw new UsageError(`'${name}' is not a proxy`);
  if (proxy.type === 'router')
    throw new UsageError(`'${name}' is a gateway: Sidecar objects are about workloads' own proxies`);
  return { name, proxy, resolved };
}

/** A lazy proxy has most of its clusters because it asked for them. */
function fetchedByUse(snapshot: Snapshot, { name, proxy, resolved }: SeenProxy): (cluster: string) => boolean {
  if (!isLazy(proxy, snapshot, resolved.mesh.settings.rootNamespace)) return () => false;
  const configuration = translate(snapshot, installation()).configuration(nodeOfProxy(name, snapshot));
  const unasked = (configuration?.cluster ?? []).filter(({ onDemand }) => onDemand === undefined);
  return (cluster) => !unasked.some(({ resources }) => resources.has(cluster));
}

function report(
  snapshot: Snapshot,
  { name, proxy, resolved }: SeenProxy,
  used: ReadonlyMap<string, Use>,
  json: boolean,
  io: Io,
): number {
  const view = outboundView(resolved, proxy);
  const services = view.services.map(({ service }) => service).filter(({ hostname }) => used.has(hostname));
  const unknown = [...used.keys()].filter((host) => !services.some(({ hostname }) => hostname === host));
  if (unknown.length > 0)
    io.stderr(`keelson explain: in use, but not in sight according to --config: ${unknown.slice(0, 10).join(', ')}\n`);
  if (services.length === 0) {
    io.stderr(`keelson explain: ${name} has used no service yet; ask again when its application has done its work\n`);
    return exit.bad;
  }
  const sidecar = manifest(resolved, proxy, entriesFor(view, services));
  if (sidecar === undefined) {
    io.stderr(`keelson explain: the Pod ${name} has no label that outlasts it, such as app, to select it by\n`);
    return exit.bad;
  }
  const remaining = servicesWith(snapshot, name, sidecar);
  const rows = services.map(({ hostname, namespace }) => ({ host: hostname, namespace, ...used.get(hostname) }));
  if (json)
    io.stdout(`${JSON.stringify({ sidecar, used: rows, remaining, inSight: view.services.length }, null, 2)}\n`);
  else {
    io.stdout(stringify(sidecar, { aliasDuplicateObjects: false }));
    const cells = rows.map((row) => [row.host, `${row.requests}`, `${row.connections}`]);
    io.stderr(table([['HOST', 'REQUESTS', 'CONNECTIONS'], ...cells]));
    io.stderr(`${counted(remaining)} of ${counted(view.services.length)} services in sight remain\n`);
  }
  return exit.fine;
}

const counted = (count: number): string => count.toLocaleString('en-US');

/** How many services the proxy would see with this object: routes may lead to more than are listed. */
function servicesWith(snapshot: Snapshot, name: string, sidecar: Manifest): number {
  const { namespace, name: object } = sidecar.metadata;
  const metadata = { labels: {}, annotations: {}, creationTimestamp: '', ...sidecar.metadata };
  const source = { kind: 'Sidecar', namespace, name: object, path: '' };
  const others = new Map(snapshot.objects.Sidecar).set(objectKey(namespace, object), { ...sidecar, metadata, source });
  const { resolved, proxy } = proxyIn({ ...snapshot, objects: { ...snapshot.objects, Sidecar: others } }, name);
  return outboundView(resolved, proxy).services.length;
}

/**
 * The services, and what leads to them: a request may have been for the host of a VirtualService whose routes end at one
 * of them. Which one it was no counter says, so all that could have been are kept.
 */
function entriesFor(view: OutboundView, services: readonly Service[]): readonly Entry[] {
  const hosts = new Set(services.map(({ hostname }) => hostname));
  const leading = [
    ...new Set(view.egress.flatMap((each) => each.virtualServices.map(({ virtualService }) => virtualService))),
  ].filter(
    (each) => destinationHosts(each).some((host) => hosts.has(host)) || each.hosts.some((host) => hosts.has(host)),
  );
  const named = new Set(leading.flatMap((each) => each.hosts));
  const listed = view.services
    .map(({ service }) => ({ namespace: service.namespace, host: service.hostname }))
    .filter(({ host }) => hosts.has(host) || named.has(host));
  return [...listed, ...leading.flatMap((each) => missing(each, listed))];
}

/** Of a VirtualService's hosts those that no entry lets through already. */
const missing = ({ namespace, hosts }: VirtualService, listed: readonly Entry[]): readonly Entry[] =>
  hosts.some((host) => listed.some((entry) => entry.namespace === namespace && hostsOverlap(entry.host, host)))
    ? []
    : hosts.map((host) => ({ namespace, host }));

/** In place of the workload's own Sidecar object if it has one; else one more, with what the namespace's or the mesh's says. */
function manifest({ sidecars, mesh }: ResolvedMesh, proxy: Proxy, entries: readonly Entry[]): Manifest | undefined {
  const { namespace, labels } = proxy;
  const inForce = sidecarFor(sidecars, namespace, labels, mesh.settings.rootNamespace);
  const own = inForce?.spec.workloadSelector?.labels === undefined ? undefined : inForce;
  const selector = own?.spec.workloadSelector?.labels ?? stableLabels(labels);
  if (Object.keys(selector).length === 0) return undefined;
  const written = inForce?.spec.egress ?? [];
  const listeners: readonly IstioEgressListener[] = written.length === 0 ? [{ hosts: ['*/*'] }] : written;
  const egress = listeners.map((listener) => ({
    ...listener,
    hosts: hostsOf(entries, listener.hosts, namespace),
  }));
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name: own?.metadata.name ?? freeName(sidecars, proxy, selector), namespace },
    spec: { ...inForce?.spec, workloadSelector: { labels: selector }, egress },
  };
}

/** Those of the entries that the listener let through before; `~/*` is nothing at all. */
function hostsOf(entries: readonly Entry[], before: readonly string[], namespace: string): readonly string[] {
  const hosts = entries
    .filter((entry) => admits(before, namespace, entry.namespace, [entry.host]))
    .map((entry) => `${entry.namespace === namespace ? '.' : entry.namespace}/${entry.host}`);
  return hosts.length === 0 ? ['~/*'] : [...new Set(hosts)].toSorted();
}

/** Labels that say which application it is; failing those all that are the same for every Pod of it. */
function stableLabels(labels: Labels): Labels {
  const usual = ['app', 'app.kubernetes.io/name', 'k8s-app'].find((key) => (labels[key] ?? '') !== '');
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => (usual === undefined ? !passing.test(key) : key === usual)),
  );
}

/** Set by controllers, different from Pod to Pod or from one rollout to the next; or not about the application. */
const passing =
  /^(?:pod-template-|controller-|statefulset\.kubernetes\.io\/|apps\.kubernetes\.io\/|batch\.kubernetes\.io\/|job-name$|topology\.|keelson\.dev\/|[a-z]+\.istio\.io\/|istio\.io\/)/;

/** Called like the application, unless another object is. */
function freeName(sidecars: readonly Sidecar[], { namespace, canonicalName }: Proxy, selector: Labels): string {
  const taken = new Set(
    sidecars.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name),
  );
  const wanted = (Object.values(selector)[0] ?? canonicalName).toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, ''); // prettier-ignore
  let name = wanted;
  for (let next = 2; taken.has(name); next++) name = `${wanted}-${next}`;
  return name;
}
