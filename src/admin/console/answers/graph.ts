// The mesh as a graph: services and gateways, the routes between them, and what was measured along the way. Of a large
// mesh first its namespaces, then one of them with what it is connected to.
import type { Mesh, MtlsMode, Service, ServiceEndpoints } from '../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../model/mesh/mesh.ts';
import type { NodeInfo } from '../../../model/envoy/resource.ts';
import { memo } from '../../../model/memo.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import type { ControlPlane } from '../../control-plane.ts';
import type { Graph, GraphEdge, GraphNode, Traffic } from '../api.ts';
import { problemsByObject } from './objects.ts';
import type { Question } from './question.ts';
import { visible } from './question.ts';
import type { MeasuredEdge } from '../source.ts';

/** Of a graph that is still read at a glance. */
const mostNodes = 120;
/** Up to here services are shown without being asked for. */
const fewServices = 60;
const mostEdges = 400;
const mostCauses = 5;

export async function graph(question: Question): Promise<Graph> {
  const measured = await question.source.traffic();
  const all = wholeGraph(question, measured ?? []);
  const asked = question.query.get('namespace') ?? '';
  const namespaces = [...new Set([...all.nodes.values()].map(({ namespace }) => namespace))].toSorted();
  const place = placement(all.nodes, asked);
  const edges = joined([...all.edges.values()], place).slice(0, mostEdges);
  const wanted = [...merged(all.nodes, place).values()];
  const shown = asked === '' || asked === '*' ? wanted : around(wanted, edges, asked);
  const nodes = shown.slice(0, mostNodes);
  const ids = new Set(nodes.map(({ id }) => id));
  return {
    nodes,
    edges: edges.filter(({ from, to }) => ids.has(from) && ids.has(to)),
    namespaces,
    left: shown.length - nodes.length,
    measured: measured !== undefined,
  };
}

interface Whole {
  readonly nodes: Map<string, GraphNode>;
  readonly edges: Map<string, GraphEdge>;
}

function wholeGraph(question: Question, measured: readonly MeasuredEdge[]): Whole {
  const mesh = question.plane.mesh();
  const problems = problemsByObject(question.plane.problems());
  const count = ({ kind, namespace, name }: SourceRef): number =>
    problems.get(`${kind}/${namespace}/${name}`)?.length ?? 0;
  const modes = mtlsModes(question);
  const nodes = new Map<string, GraphNode>();
  for (const { source, name, namespace } of mesh.gateways) {
    const id = gatewayId(`${namespace}/${name}`);
    nodes.set(id, { ...bare(id, 'gateway', source.name, namespace), problems: count(source) });
  }
  for (const service of mesh.services) {
    const id = serviceId(service);
    const role = service.meshExternal ? 'external' : 'service';
    const name = service.registry === 'Kubernetes' ? service.name : service.hostname;
    const ends = endpointCounts(mesh.endpoints.get(serviceKey(service)) ?? noEndpoints);
    const node = { ...bare(id, role, name, service.namespace), ...ends, services: 1 };
    nodes.set(id, { ...node, mtls: modeOf(modes.get(id)), problems: count(service.source) });
  }
  const edges = new Map<string, GraphEdge>();
  for (const edge of routed(mesh)) addEdge(edges, edge);
  for (const edge of trafficEdges(mesh, measured, nodes)) addEdge(edges, edge);
  return { nodes, edges };
}

const bare = (id: string, role: GraphNode['role'], name: string, namespace: string): GraphNode => {
  return { id, role, name, namespace, healthy: 0, endpoints: 0, mtls: undefined, problems: 0, services: 0 };
};

const serviceId = ({ namespace, hostname }: Pick<Service, 'namespace' | 'hostname'>): string =>
  `service/${namespace}/${hostname}`;
const gatewayId = (name: string): string => `gateway/${name}`;

const endpointCounts = memo((byPort: ServiceEndpoints): Pick<GraphNode, 'healthy' | 'endpoints'> => {
  const counted = [...byPort.values()].map((endpoints) => ({
    endpoints: endpoints.length,
    healthy: endpoints.filter(({ health }) => health === undefined || health === 'healthy').length,
  }));
  return counted.toSorted((a, b) => b.endpoints - a.endpoints)[0] ?? { healthy: 0, endpoints: 0 };
});

const noEndpoints: ServiceEndpoints = new Map();

type Asked = readonly (readonly [node: string, mode: MtlsMode])[];

/** What proxies of this mesh ask of who connects to them, as far as somebody wanted to know. */
const askedIn = memo((_mesh: Mesh): WeakMap<NodeInfo, Asked> => new WeakMap());

function askedBy(plane: ControlPlane, node: NodeInfo): Asked {
  const known = askedIn(plane.mesh());
  let asked = known.get(node);
  if (asked === undefined) {
    const ports = plane.view(node)?.inbound.ports ?? [];
    asked = ports.flatMap(({ service, mtls }) => (service === undefined ? [] : [[serviceId(service), mtls] as const]));
    known.set(node, asked);
  }
  return asked;
}

/** What connected proxies ask of who connects to a service, by node. */
function mtlsModes(question: Question): ReadonlyMap<string, ReadonlySet<MtlsMode>> {
  const modes = new Map<string, Set<MtlsMode>>();
  for (const { node } of visible(question))
    for (const [id, mtls] of askedBy(question.plane, node)) modes.set(id, (modes.get(id) ?? new Set()).add(mtls));
  return modes;
}

const modeNames = { STRICT: 'strict', PERMISSIVE: 'permissive', DISABLE: 'disabled' } as const;

function modeOf(modes: ReadonlySet<MtlsMode> | undefined): GraphNode['mtls'] {
  const [first, second] = modes ?? [];
  if (first === undefined) return undefined;
  return second === undefined ? modeNames[first] : 'mixed';
}

/** From gateways, and from hosts that lead elsewhere, to the services that routes name. */
const routed = memo(({ virtualServices, services }: Mesh): readonly GraphEdge[] => {
  const byHost = new Map<string, Service>();
  for (const service of services) if (!byHost.has(service.hostname)) byHost.set(service.hostname, service);
  return virtualServices.flatMap((virtualService) => {
    const to = destinations(virtualService).flatMap((host) => byHost.get(host) ?? []);
    const hosts = virtualService.gateways.includes('mesh') ? virtualService.hosts : [];
    const from = [
      ...virtualService.gateways.filter((gateway) => gateway !== 'mesh').map(gatewayId),
      ...hosts.flatMap((host) => byHost.get(host) ?? []).map(serviceId),
    ];
    return from.flatMap((start) => to.map((end) => edge(start, serviceId(end), [virtualService.source], undefined)));
  });
});

const edge = (from: string, to: string, causes: readonly SourceRef[], traffic: Traffic | undefined): GraphEdge => {
  return { from, to, causes, traffic };
};

function destinations({ http, tls, tcp }: VirtualService): readonly string[] {
  const routes = [...http, ...tls, ...tcp].flatMap(({ route }) => route.route ?? []);
  return [...new Set(routes.map(({ destination }) => destination.host))];
}

function trafficEdges(
  { services }: Mesh,
  measured: readonly MeasuredEdge[],
  nodes: Map<string, GraphNode>,
): readonly GraphEdge[] {
  const byHost = new Map(services.map((service) => [service.hostname, service]));
  const byName = new Map(services.map((service) => [`${service.namespace}/${service.name}`, service]));
  return measured.map(({ from, to, ...traffic }) => {
    const sender = byName.get(`${from.namespace}/${from.name}`);
    const receiver = byHost.get(to.hostname);
    const start = sender ? serviceId(sender) : `workload/${from.namespace}/${from.name}`;
    const end = receiver ? serviceId(receiver) : `host/${to.hostname}`;
    if (!nodes.has(start)) nodes.set(start, bare(start, 'service', from.name, from.namespace));
    if (!nodes.has(end)) nodes.set(end, bare(end, 'external', to.hostname, ''));
    return edge(start, end, [], traffic);
  });
}

function addEdge(edges: Map<string, GraphEdge>, added: GraphEdge): void {
  if (added.from === added.to) return;
  const key = `${added.from} ${added.to}`;
  const known = edges.get(key);
  if (known === undefined) return void edges.set(key, added);
  const causes = [...known.causes, ...added.causes].slice(0, mostCauses);
  edges.set(key, { ...known, causes, traffic: sum(known.traffic, added.traffic) });
}

function sum(a: Traffic | undefined, b: Traffic | undefined): Traffic | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const requestsPerSecond = a.requestsPerSecond + b.requestsPerSecond;
  const mutual = a.mutual * a.requestsPerSecond + b.mutual * b.requestsPerSecond;
  return {
    requestsPerSecond,
    errorsPerSecond: a.errorsPerSecond + b.errorsPerSecond,
    mutual: requestsPerSecond === 0 ? 0 : mutual / requestsPerSecond,
  };
}

/** Where each node goes: by itself, or into its namespace. */
function placement(nodes: ReadonlyMap<string, GraphNode>, asked: string): (id: string) => string {
  const isWhole = asked === '*' || (asked === '' && nodes.size <= fewServices);
  return (id) => {
    const namespace = nodes.get(id)?.namespace ?? '';
    return isWhole || namespace === asked ? id : `namespace/${namespace}`;
  };
}

function merged(nodes: ReadonlyMap<string, GraphNode>, place: (id: string) => string): ReadonlyMap<string, GraphNode> {
  const found = new Map<string, GraphNode>();
  for (const node of nodes.values()) {
    const id = place(node.id);
    const known = found.get(id);
    const namespace = node.namespace === '' ? 'elsewhere' : node.namespace;
    const first = id === node.id ? node : { ...node, id, role: 'namespace' as const, name: namespace };
    found.set(id, known === undefined ? first : added(known, node));
  }
  return found;
}

const added = (group: GraphNode, node: GraphNode): GraphNode => ({
  ...group,
  healthy: group.healthy + node.healthy,
  endpoints: group.endpoints + node.endpoints,
  problems: group.problems + node.problems,
  services: group.services + node.services,
  mtls:
    group.mtls === node.mtls || node.mtls === undefined ? group.mtls : group.mtls === undefined ? node.mtls : 'mixed',
});

function joined(edges: readonly GraphEdge[], place: (id: string) => string): readonly GraphEdge[] {
  const found = new Map<string, GraphEdge>();
  for (const each of edges) addEdge(found, { ...each, from: place(each.from), to: place(each.to) });
  return [...found.values()];
}

/** A namespace, and what it is connected to. */
function around(nodes: readonly GraphNode[], edges: readonly GraphEdge[], namespace: string): readonly GraphNode[] {
  const own = new Set(nodes.filter((node) => node.namespace === namespace).map(({ id }) => id));
  const near = new Set(edges.flatMap(({ from, to }) => (own.has(from) || own.has(to) ? [from, to] : [])));
  return nodes
    .filter(({ id }) => own.has(id) || near.has(id))
    .toSorted((a, b) => Number(own.has(b.id)) - Number(own.has(a.id)));
}
