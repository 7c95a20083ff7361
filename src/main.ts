// The daemon: joins the parts that know nothing of each other. Objects from a directory, translation, the authority,
// and the xDS server that the proxies talk to.
import { startUpServer } from './admin/http.ts';
import { listenAdmin, pageFault } from './daemon/admin-ports.ts';
import { daemonCertificates, daemonCredentials } from './daemon/authority/certificates.ts';
import type { ClusterPart } from './daemon/cluster/cluster-part.ts';
import { clusterPart } from './daemon/cluster/cluster-part.ts';
import { clusterMachines } from './daemon/cluster/machines.ts';
import { replicaService } from './daemon/cluster/replica-service.ts';
import { followMesh, withAnswers } from './daemon/follow-mesh.ts';
import { consoleSource } from './daemon/introspection/console/console-source.ts';
import { controlPlane, debugSource, explainRejection } from './daemon/introspection/introspection.ts';
import { measurement } from './daemon/introspection/measurement.ts';
import { prometheusTraffic } from './daemon/introspection/console/prometheus-traffic.ts';
import { PushHistory } from './daemon/introspection/push-history.ts';
import { pushWatcher } from './daemon/introspection/push-log.ts';
import { ownAnswer } from './daemon/introspection/replicas.ts';
import { pushTracing } from './daemon/introspection/tracing/push-traces.ts';
import { hostsOneByOne, knownOf } from './daemon/known.ts';
import { webhookServer } from './daemon/mesh/admission.ts';
import { conflictWatch } from './daemon/mesh/conflicts.ts';
import type { LiveMesh } from './daemon/mesh/live-mesh.ts';
import { openMesh } from './daemon/mesh/open-mesh.ts';
import type { Daemon, DaemonOptions } from './daemon/options.ts';
import { listen, listenXds } from './daemon/ports.ts';
import { startUp } from './daemon/start-up.ts';
import type { Problem } from './model/problem.ts';
import { describeSource } from './model/source.ts';
import { causingObjects, resourceOrigins } from './translate/origins.ts';
import { substitutes } from './translate/refused/substitutes.ts';
import type { Log } from './xds/log.ts';
import type { XdsServer } from './xds/server.ts';
import { createXdsServer } from './xds/server.ts';
import type { Rejection } from './xds/subscription/quarantine.ts';

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

function logRejection(log: Log, rejection: Rejection, change: number | undefined): void {
  const { type, name, error, resource, instead = 'its last good version' } = rejection;
  const causes = causingObjects(resourceOrigins(resource)).map(describeSource).join(', ');
  log.error('a resource is rejected', { change, type, name, inForce: instead, causes, error });
}

const trafficOf = ({ prometheus, log }: DaemonOptions) =>
  prometheus !== undefined && {
    traffic: prometheusTraffic(prometheus, (fault) =>
      log.warn('Prometheus is not to be read', { reason: String(fault) }),
    ),
  };
