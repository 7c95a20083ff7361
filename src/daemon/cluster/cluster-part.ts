// A daemon that reads a cluster is one of its replicas: it shares the authority with the others, and one of them writes.
import type { AuthorityNews } from '../../ca/root/authority-news.ts';
import type { AuthorityStatus } from '../../ca/root/resident.ts';
import type { Replicas } from '../../ca/root/rotator.ts';
import { pause } from '../../kubernetes/pace.ts';
import { ownAddress, replicaName } from '../../config.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { TlsIdentity } from '../../model/external/secret-source.ts';
import type { AskPeers } from '../../model/proxy/replica.ts';
import { noPeers } from '../../model/proxy/replica.ts';
import { peerAnswers } from './peer-answers.ts';
import type { PeerReports } from './peer-reports.ts';
import { followPeers } from './peer-reports.ts';
import type { ReplicaService } from './replica-service.ts';
import { replicaIdentity } from './replica-service.ts';
import type { PeerReplica } from '../../controllers/replica-leases.ts';
import type { RevisionTags } from '../../controllers/revision-tags.ts';
import { followRevisionTags } from '../../controllers/revision-tags.ts';
import type { Trust } from '../../controllers/trust-distribution.ts';
import type { LiveMesh } from '../mesh/live-mesh.ts';
import type { DaemonOptions } from '../options.ts';
import type { Writer } from '../../conditions/wanted-statuses.ts';
import { revisionOfObject } from '../../conditions/wanted-statuses.ts';
import { objectKey } from '../../model/object.ts';
import type { DeploymentPlan } from '../../translate/resolve/gateway-api/deployment/plan.ts';
import { authoritySecretName } from '../authority/authority.ts';
import type { KindRow } from '../../watchers/kinds.ts';
import type { XdsServer } from '../../xds/server.ts';
import { authorityEvents } from './authority-events.ts';
import type { Duties } from './duties.ts';
import { startDuties } from './duties.ts';
import type { GatewayDuties } from './gateway-duties.ts';
import { gatewayDuties, provideClasses } from './gateway-duties.ts';
import type { Machines } from './machines.ts';
import { Statuses } from './statuses.ts';

export interface ClusterContext {
  readonly mesh: LiveMesh;
  readonly certificates: {
    readonly trust: Trust;
    refresh(): Promise<void>;
    issueFor(identity: WorkloadIdentity): Promise<TlsIdentity>;
    news(): readonly AuthorityNews[];
    onNews(listener: (news: AuthorityNews) => void): void;
    status(): AuthorityStatus;
  };
  readonly trustDomain: string;
  readonly server: XdsServer;
  /** Tells the others of this one's proxies. */
  readonly service: ReplicaService;
  /** Of this replica. */
  readonly machines: Machines | undefined;
  readonly signal: AbortSignal;
}

/** How long other replicas are waited for. */
const patienceMs = 5000;

/** Undefined for a daemon that reads a directory. */
export const clusterPart = (options: DaemonOptions, context: ClusterContext): ClusterPart | undefined =>
  typeof options.config === 'string' ? undefined : new ClusterPart(options, options.config, context);

export class ClusterPart {
  /** Absent where the authority is this process's own. */
  readonly replicas: Replicas | undefined;
  /** Asks the other replicas about their proxies. */
  readonly ask: AskPeers;
  /** Resolves after the signal, when what was held is given back. */
  readonly ended: Promise<unknown>;
  readonly #options: DaemonOptions;
  readonly #client: KubernetesClient;
  readonly #context: ClusterContext;
  readonly #isShared: boolean;
  readonly #statuses: Statuses;
  readonly #duties: Duties;
  readonly #tags: RevisionTags;
  #port: number | undefined;
  #peers: PeerReports = { reports: () => [], areHeard: () => true };
  #gateways: GatewayDuties | undefined;
  #tell: (news: AuthorityNews) => void = () => {};
  /** The Secret with the state of the authority, as it was last seen. */
  #authority: unknown;

  constructor(options: DaemonOptions, client: KubernetesClient, context: ClusterContext) {
    const { mesh, certificates, server, service, signal } = context;
    const { log, replica = replicaName() } = options;
    this.#options = options;
    this.#client = client;
    this.#context = context;
    this.#isShared = options.state === undefined;
    const { revision, systemNamespace } = mesh.installation;
    this.#tags = followRevisionTags({ client, signal, onChange: () => this.#retagged() });
    this.#statuses = new Statuses({
      revision,
      isOwnRevision: (label) => this.#isOwnRevision(label),
      delivery: () => server.delivery(),
      problems: () => mesh.problems,
      nodes: () => server.status().map(({ node }) => node),
      others: () => this.#peers.reports(),
      onReport: (report) => service.publish(report),
      log,
      signal,
    });
    this.#duties = startDuties({
      client,
      systemNamespace,
      revision,
      isDefaultRevision: () => this.#isOwnRevision(undefined),
      replica,
      address: () => this.#reachedAt(),
      trust: certificates.trust,
      onRevisionElected: (leading) => this.#leadRevision(leading),
      onClusterElected: (leading) => this.#leadCluster(leading),
      signal,
      log,
    });
    this.ask = this.#isShared
      ? peerAnswers({ peers: () => this.#peersOfRevision(), ...this.#shownToPeers() })
      : () => Promise.resolve(noPeers);
    this.replicas = this.#isShared ? this.#duties.replicas : undefined;
    this.ended = this.#duties.ended;
    this.#authority = this.#authoritySecret();
    certificates.onNews((news) => this.#tell(news));
    followConnections(server, this.#statuses, signal);
  }

  /** To be called when the mesh has changed, before its proxies are told. */
  changed(): void {
    const { mesh, server } = this.#context;
    const before = this.#authority;
    this.#authority = this.#authoritySecret();
    if (this.#isShared && this.#authority !== before) this.#refresh();
    this.#updateGateways();
    this.#context.machines?.changed();
    const { snapshot, translation } = mesh;
    void server.update().then(() => this.#statuses.told({ snapshot, translation }));
  }

  /** To be called with every object as the API server has it. */
  seen(row: KindRow, object: KubernetesObject): void {
    this.#statuses.seen(row, object);
  }

  /** To be called when proxies have answered, or other problems are known. */
  touched(): void {
    this.#statuses.touch();
  }

  /** To be called when xDS is served at this port. */
  listening(port: number): void {
    this.#port = port;
  }

  /** Whether a call comes from within the Pod although others reach it from outside: through a port that is forwarded to it. */
  isForwarded(peer: string): boolean {
    const address = this.#reachedAt();
    return address !== undefined && isLoopback(peer) && !isLoopback(address);
  }

  #reachedAt(): string | undefined {
    return this.#port === undefined ? undefined : reachedAt(this.#options.xdsAddress, this.#port);
  }

  #shownToPeers() {
    const { mesh, certificates, trustDomain } = this.#context;
    const { systemNamespace } = mesh.installation;
    const account = replicaIdentity(trustDomain, systemNamespace);
    return { identity: () => certificates.issueFor(account), serverName: `istiod.${systemNamespace}.svc` };
  }

  /** What others make for their proxies is what this one would make. */
  #peersOfRevision(): ReadonlyMap<string, PeerReplica> {
    const { revision } = this.#context.mesh.installation;
    return new Map([...this.#duties.peers()].filter(([, peer]) => peer.revision === revision));
  }

  #leadRevision(leading: AbortSignal): void {
    if (this.#isShared) {
      this.#refresh();
      this.#peers = followPeers({
        peers: () => this.#duties.peers(),
        ...this.#shownToPeers(),
        onChange: () => this.#statuses.touch(),
        signal: leading,
      });
    }
    this.#gateways = gatewayDuties(this.#client, leading, this.#options.log);
    this.#updateGateways();
    void this.#writeStatuses('leader of the revision', leading);
  }

  #leadCluster(leading: AbortSignal): void {
    if (this.#isShared) this.#tell = this.#authorityEvents(leading);
    this.#context.machines?.lead((name) => this.#duties.isAlive(name), leading);
    provideClasses(this.#client, leading, this.#options.log);
    void this.#writeStatuses('leader of the cluster', leading);
  }

  #isOwnRevision(label: string | undefined): boolean {
    return this.#tags.revisionOf(label) === this.#context.mesh.installation.revision;
  }

  /** Other Gateways may be this revision's now. */
  #retagged(): void {
    this.#updateGateways();
    this.#statuses.touch();
  }

  /** Each is deployed by one revision: another one would have its proxies come to itself. */
  #updateGateways(): void {
    const { snapshot, translation } = this.#context.mesh;
    const { KubernetesGateway, Namespace } = snapshot.objects;
    const isOwn = ({ gateway }: DeploymentPlan): boolean => {
      const object = KubernetesGateway.get(gateway);
      const namespace = object?.metadata.namespace ?? '';
      return this.#isOwnRevision(revisionOfObject(object?.metadata.labels, namespace, Namespace));
    };
    this.#gateways?.update(translation.deployments().filter(isOwn));
  }

  #authorityEvents(leading: AbortSignal): (news: AuthorityNews) => void {
    const { mesh, certificates } = this.#context;
    const { log, replica = replicaName() } = this.#options;
    const { systemNamespace } = mesh.installation;
    const origin = () => certificates.status().origin;
    const news = () => certificates.news();
    return authorityEvents({ client: this.#client, systemNamespace, replica, news, origin, signal: leading, log });
  }

  /** Not before the others have been heard, or could have been: what is known of them would be taken back. */
  async #writeStatuses(writer: Writer, leading: AbortSignal): Promise<void> {
    const isKnown = (): boolean => this.#duties.areOthersKnown() && this.#peers.areHeard();
    for (let waited = 0; waited < patienceMs && !isKnown(); waited += 200) await pause(200, leading);
    if (!leading.aborted) this.#statuses.lead(writer, this.#client, leading);
  }

  #refresh(): void {
    const { certificates } = this.#context;
    certificates.refresh().catch((error: unknown) =>
      this.#options.log.error('what other replicas did with the authority cannot be taken up', {
        reason: String(error),
      }),
    );
  }

  #authoritySecret(): unknown {
    const { installation, snapshot } = this.#context.mesh;
    return snapshot.objects.Secret.get(objectKey(installation.systemNamespace, authoritySecretName));
  }
}

/** Where other Pods find a port of this machine: at the address that was given, if it is one. */
function reachedAt(address: string, port: number): string {
  const host = address.slice(0, address.lastIndexOf(':')).replaceAll(/[[\]]/g, '');
  const found = host === '' || host === '0.0.0.0' || host === '::' ? ownAddress() : host;
  return found.includes(':') ? `[${found}]:${port}` : `${found}:${port}`;
}

/** Of `address:port`. */
const isLoopback = (peer: string): boolean => /^(?:\[?::1\]?|(?:\[?::ffff:)?127\.[\d.]+\]?|localhost):\d+$/.test(peer);

/** Proxies that come and go answer nothing. */
function followConnections(server: XdsServer, statuses: Statuses, signal: AbortSignal): void {
  let known = 0;
  const timer = setInterval(() => {
    const { streams } = server.counters();
    if (streams !== known) statuses.touch();
    known = streams;
  }, 5000).unref();
  signal.addEventListener('abort', () => clearInterval(timer));
}
