// The daemon: joins the parts that know nothing of each other. Objects from a directory, translation, the authority,
// and the xDS server that the proxies talk to.
import { injectionState, webhookServer } from './daemon/mesh/admission.ts';
import type { CertificatesOptions } from './ca/certificates.ts';
import type { CertificateHolders } from './ca/holders.ts';
import type { AuthorityStatus } from './ca/root/resident.ts';
import type { ControlPlane } from './admin/control-plane.ts';
import type { AdminOptions, LogLevelSwitch } from './admin/http.ts';
import { controlzServer } from './admin/controlz.ts';
import { debugServer, monitoringServer, startUpServer } from './admin/http.ts';
import { debugAccess, replicaName, routeDelivery } from './config.ts';
import { conflictWatch } from './daemon/mesh/conflicts.ts';
import { consoleSource } from './daemon/introspection/console-source.ts';
import type { ExplainedRejection, Known } from './daemon/introspection/introspection.ts';
import { controlPlane, debugSource, explainRejection } from './daemon/introspection/introspection.ts';
import type { LiveMesh, ModuleFetching } from './daemon/mesh/live-mesh.ts';
import { openMesh } from './daemon/mesh/open-mesh.ts';
import { daemonCertificates, daemonCredentials } from './daemon/authority/certificates.ts';
import type { ClusterPart } from './daemon/cluster/cluster-part.ts';
import { clusterPart } from './daemon/cluster/cluster-part.ts';
import { clusterMachines } from './daemon/cluster/machines.ts';
import { followMesh, withAnswers } from './daemon/follow-mesh.ts';
import { listen, listenXds } from './daemon/cluster/ports.ts';
import { noPeers } from './model/proxy/replica.ts';
import { replicaService } from './daemon/cluster/replica-service.ts';
import { ownAnswer } from './daemon/introspection/replicas.ts';
import { startUp } from './daemon/start-up.ts';
import { measurement } from './daemon/introspection/measurement.ts';
import type { DaemonMetrics } from './metrics/daemon-metrics.ts';
import type { KubernetesClient } from './kubernetes/client.ts';
import { pushWatcher } from './daemon/introspection/push-log.ts';
import { prometheusTraffic } from './daemon/introspection/prometheus-traffic.ts';
import { PushHistory } from './daemon/introspection/push-history.ts';
import { pushTracing } from './daemon/introspection/tracing/push-traces.ts';
import type { SpanExport } from './daemon/introspection/tracing/span-exporter.ts';
import type { Configuration, NodeInfo } from './model/envoy/resource.ts';
import type { Problem } from './model/problem.ts';
import { describeSource } from './model/source.ts';
import { substitutes } from './translate/refused/substitutes.ts';
import { causingObjects, resourceOrigins } from './translate/origins.ts';
import type { FetchOptions } from './watchers/fetch/limited-fetch.ts';
import type { Log } from './xds/log.ts';
import type { Rejection } from './xds/subscription/quarantine.ts';
import type { Authenticate, XdsServer } from './xds/server.ts';
import { createXdsServer } from './xds/server.ts';
import { takesHosts, withPushedHosts } from './xds/subscription/pushed-hosts.ts';
import type { ProxyStatus } from './xds/status.ts';

export interface DaemonOptions {
  /** The directory of YAML that is the whole configuration, or the cluster that has it. */
  readonly config: string | KubernetesClient;
  /** The directory in which the authority is kept; without it, the cluster keeps it for all replicas. */
  readonly state?: string;
  /** `host:port` of xDS over TLS. */
  readonly xdsAddress: string;
  /** `host:port` of xDS without TLS, for proxies that are set up so; without it there is none. */
  readonly plaintextAddress?: string;
  /** Further DNS names under which proxies find this server. */
  readonly dnsNames?: readonly string[];
  /** `host:port` of metrics, version and debug pages; without it there are none. */
  readonly monitoringAddress?: string;
  /** The Prometheus that reads the proxies' metrics, for the console's graph. */
  readonly prometheus?: string;
  /** `host:port` of readiness and debug pages; without it there are none. */
  readonly httpAddress?: string;
  /** `host:port` of the log's level, for istioctl; without it there is none. */
  readonly controlzAddress?: string;
  /** Which of several control planes of a cluster this is, and the namespace that has its own objects. */
  readonly revision?: string;
  readonly systemNamespace?: string;
  /** What this process is called among the replicas of a control plane; its Pod, if it does not say. */
  readonly replica?: string;
  /** `host:port` of the admission webhooks, over TLS; without it there are none. */
  readonly webhookAddress?: string;
  /** After how many milliseconds a proxy's connection is closed, so that it may find another replica. */
  readonly connectionAge?: number;
  /** How long workload certificates are good for, in milliseconds. */
  readonly certificateTtl?: number;
  /** The keys that are made, and how fast a rotation goes. */
  readonly authority?: Pick<CertificatesOptions, 'rootKeys' | 'workloadKeys' | 'pace' | 'spread'>;
  readonly log: Log;
  /** How much it tells; without it nobody can change that. */
  readonly logLevel?: LogLevelSwitch;
  /** How keys of token issuers are fetched. */
  readonly keys?: FetchOptions;
  /** How WebAssembly modules are fetched; without it each proxy has to see for itself. */
  readonly modules?: ModuleFetching;
  /** Where spans of changes go; without it there are none. */
  readonly spans?: SpanExport;
  /** All problems there are, whenever they have changed. */
  readonly onProblems: (problems: readonly Problem[]) => void;
}

export interface Daemon {
  /** The port of xDS, for when it was left to the system. */
  readonly port: number;
  /** Likewise of xDS without TLS, of metrics and debug pages, and of readiness. */
  readonly plaintextPort: number | undefined;
  readonly monitoringPort: number | undefined;
  readonly httpPort: number | undefined;
  readonly webhookPort: number | undefined;
  status(): readonly ProxyStatus[];
  rejections(): readonly ExplainedRejection[];
  problems(): readonly Problem[];
  /** Resolves when every WebAssembly module that is named has been fetched, or tried in vain. */
  modulesFetched(): Promise<void>;
  /** Who signs, until when, and how far a rotation is. */
  authority(): AuthorityStatus;
  close(): Promise<void>;
}

/** Resolves when proxies can connect. Throws when the directory, the state or the address cannot be used. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const stopping = new AbortController();
  try {
    return await start(options, stopping);
  } catch (error) {
    stopping.abort();
    throw error;
  }
}

/** Whatever it has started ends with `stopping`. */
async function start(options: DaemonOptions, stopping: AbortController): Promise<Daemon> {
  const { log } = options;
  const { signal } = stopping;
  const atEnd = (stop: () => void): void => signal.addEventListener('abort', stop);
  let touched = (): void => {};
  const onProblems = (problems: readonly Problem[]): void => (options.onProblems(problems), touched());
  const metrics = measurement({ mesh: () => mesh, server: () => server, authority: () => certificates.status() });
  const tracing = await pushTracing(options, signal);
  const history = new PushHistory(Date.now, pushWatcher(log, metrics), ...tracing.watchers);
  const beginning = await startUp(options, (reasons) => startUpServer(reasons, { onFault: pageFault(log) }), atEnd);
  const mesh = await openMesh({ ...options, onProblems }, history, beginning.waitsFor, signal);
  const credentials = daemonCredentials(mesh, options);
  const certificates = await daemonCertificates(mesh, credentials, options, metrics);
  atEnd(() => certificates.stop());
  const { trustDomain, authenticate } = certificates;
  const live = { server: () => server, cluster: () => cluster };
  const known = knownOf({ mesh, certificates, history, metrics, options, signal, ...live });
  const plane = controlPlane(known);
  const everyProxy = async () => (await plane.everywhere()).plane.proxies();
  const conflicts = conflictWatch(mesh, () => server, log, signal);
  const service = replicaService(certificates, mesh.installation, (question) => ownAnswer(plane, question));
  const machines = clusterMachines(options, mesh, authenticate, signal);
  const server: XdsServer = createXdsServer({
    presence: machines,
    translate: (node) => (conflicts.touch(), mesh.configuration(node)),
    secrets: certificates.secrets,
    authenticate,
    onImpostor: (node) => certificates.onRejected('node of another identity', node.id.slice(0, 200)),
    tls: certificates.identity,
    services: [certificates.service, ...(machines === undefined ? [] : [service, machines.service])],
    debug: debugSource(known, plane),
    ...serverSettings(options, history),
    observer: withAnswers(history.beside(metrics), () => touched()),
  });
  const cluster: ClusterPart | undefined = clusterPart(options, {
    mesh,
    certificates,
    trustDomain,
    server,
    service,
    machines,
    signal,
  });
  touched = () => cluster?.touched();
  followMesh(mesh, { certificates, credentials, server, cluster });
  const served = await listenXds(server, options);
  cluster?.listening(served.port);
  const webhooks = webhookServer(mesh, certificates.identity, log, metrics, everyProxy);
  const webhookPort = await listen(webhooks, options.webhookAddress, atEnd);
  const authority = () => certificates.status();
  const console = consoleSource({ mesh, history, plane, authority, ...trafficOf(options) });
  await beginning.end();
  const ports = await listenAdmin(plane, { console }, options, atEnd);
  const close = (): Promise<void> => ended(stopping, server, cluster, tracing);
  return { ...served, ...ports, webhookPort, ...shown(mesh, server), authority, close };
}

const shown = (mesh: LiveMesh, server: XdsServer) => ({
  status: () => server.status(),
  rejections: () => server.rejections().map(explainRejection),
  problems: () => mesh.problems,
  modulesFetched: () => mesh.modulesFetched(),
});

/** Stops everything; what is shared is given back. */
async function ended(
  stopping: AbortController,
  server: XdsServer,
  cluster: Pick<ClusterPart, 'ended'> | undefined,
  tracing: { close(): Promise<unknown> },
): Promise<void> {
  stopping.abort();
  await server.close();
  await cluster?.ended;
  await tracing.close();
}

function serverSettings({ connectionAge, log }: DaemonOptions, history: PushHistory) {
  return {
    log,
    substitutes,
    onRejected: (rejection: Rejection) => logRejection(log, rejection, history.current()),
    takesHosts: hostsOneByOne(),
    ...(connectionAge !== undefined && { limits: { connectionAge } }),
  };
}

/** Whether routes go to a proxy host by host: by what the daemon is set to, else by what the proxy says. */
function hostsOneByOne(): (node: NodeInfo) => boolean {
  const fixed = routeDelivery();
  return fixed === undefined ? takesHosts : () => fixed === 'virtual-hosts';
}

function delivery(mesh: LiveMesh): (node: NodeInfo) => Configuration {
  const divides = hostsOneByOne();
  return (node) => (divides(node) ? withPushedHosts(mesh.configuration(node)) : mesh.configuration(node));
}

function logRejection(log: Log, rejection: Rejection, change: number | undefined): void {
  const { type, name, error, resource, instead = 'its last good version' } = rejection;
  const causes = causingObjects(resourceOrigins(resource)).map(describeSource).join(', ');
  log.error('a resource is rejected', { change, type, name, inForce: instead, causes, error });
}

interface KnownParts {
  readonly mesh: LiveMesh;
  readonly certificates: {
    readonly authenticate: Authenticate;
    readonly holders: Pick<CertificateHolders, 'uncertain'>;
  };
  readonly history: Pick<PushHistory, 'latest'>;
  readonly metrics: DaemonMetrics;
  readonly options: DaemonOptions;
  readonly signal: AbortSignal;
  readonly server: () => XdsServer;
  readonly cluster: () => ClusterPart | undefined;
}

const knownOf = ({ mesh, certificates, history, metrics, options, signal, ...live }: KnownParts): Known => ({
  replica: options.replica ?? replicaName(),
  systemNamespaces: [mesh.installation.systemNamespace, ...debugAccess().namespaces],
  server: live.server,
  translation: () => mesh.translation,
  configuration: (node) => mesh.configuration(node),
  delivered: delivery(mesh),
  snapshot: () => mesh.snapshot,
  problems: () => mesh.problems,
  uncertain: () => certificates.holders.uncertain(),
  pushes: () => history.latest(),
  injection: () => (options.webhookAddress === undefined ? undefined : injectionState(mesh)),
  isReady: () => !signal.aborted,
  peers: async (question) => live.cluster()?.ask(question) ?? noPeers,
  isForwarded: (peer) => live.cluster()?.isForwarded(peer) === true,
  authenticate: certificates.authenticate,
  metricsText: metrics.text,
});

const trafficOf = ({ prometheus, log }: DaemonOptions) =>
  prometheus !== undefined && {
    traffic: prometheusTraffic(prometheus, (fault) =>
      log.warn('Prometheus is not to be read', { reason: String(fault) }),
    ),
  };

const pageFault =
  (log: Log) =>
  (fault: unknown): void =>
    log.error('a page cannot be shown', { reason: String(fault) });

/** Opens the HTTP ports that are asked for. */
async function listenAdmin(
  plane: ControlPlane,
  served: Pick<AdminOptions, 'console'>,
  { monitoringAddress, httpAddress, controlzAddress, log, logLevel }: DaemonOptions,
  atEnd: (stop: () => void) => void,
): Promise<Pick<Daemon, 'monitoringPort' | 'httpPort'>> {
  const admin = {
    guarded: debugAccess().guarded,
    ...served,
    ...(logLevel !== undefined && { logLevel }),
    onFault: pageFault(log),
  };
  if (logLevel !== undefined)
    await listen(controlzServer(logLevel, pageFault(log)), controlzAddress, atEnd).catch((fault: unknown) =>
      // On a machine with other control planes one of them has it.
      log.warn('the level of the log cannot be changed by istioctl', { reason: String(fault) }),
    );
  return {
    monitoringPort: await listen(monitoringServer(plane, admin), monitoringAddress, atEnd),
    httpPort: await listen(debugServer(plane, admin), httpAddress, atEnd),
  };
}
