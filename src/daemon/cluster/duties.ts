// What a replica does for its cluster besides serving proxies: it takes part in the election of the one that leads its revision,
// and then, against the leaders of other revisions, of the one that writes what all revisions have in common.
// https://istio.io/latest/docs/setup/upgrade/canary/
import { randomUUID } from 'node:crypto';

import type { Replicas } from '../../ca/root/rotator.ts';
import type { Precedence } from '../../controllers/leader-election.ts';
import { takePartInElection } from '../../controllers/leader-election.ts';
import type { PeerReplica } from '../../controllers/replica-leases.ts';
import { replicaLeases } from '../../controllers/replica-leases.ts';
import type { Trust } from '../../controllers/trust-distribution.ts';
import { distributeTrust } from '../../controllers/trust-distribution.ts';
import { maintainWebhookConfigurations } from '../../controllers/webhook-configurations.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { Log } from '../../xds/log.ts';

export interface DutiesOptions {
  readonly client: KubernetesClient;
  readonly systemNamespace: string;
  readonly revision: string;
  /** What this process is called: its Pod's name. */
  readonly replica: string;
  /** Where the other replicas reach it, once that is known. */
  readonly address: () => string | undefined;
  readonly trust: Trust;
  /** The default one goes before the others. */
  readonly isDefaultRevision: () => boolean;
  /** Called when this replica is to write what is its revision's own, before it does. */
  readonly onRevisionElected: (signal: AbortSignal) => void;
  /** Likewise, what the revisions have in common; within the former. */
  readonly onClusterElected: (signal: AbortSignal) => void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface Duties {
  /** For rotations of the root. */
  readonly replicas: Replicas;
  /** The other replicas, by name. */
  peers(): ReadonlyMap<string, PeerReplica>;
  areOthersKnown(): boolean;
  /** Whether a replica of that name is there: this one, or another one. */
  isAlive(replica: string): boolean;
  /** Resolves after `signal`, when everything is given back. */
  readonly ended: Promise<unknown>;
}

export function startDuties(options: DutiesOptions): Duties {
  const { client, systemNamespace, revision, signal, log } = options;
  let term: AbortSignal | undefined;
  const leases = replicaLeases({
    client,
    namespace: systemNamespace,
    name: leaseName(options.replica),
    revision,
    address: options.address,
    signal,
    onFault: (error) => log.warn('other replicas cannot be told of this one', { reason: String(error) }),
  });
  const ended = leadRevision(options, (leading) => {
    term = leading;
    options.onClusterElected(leading);
    distribute(options, leading);
  });
  return {
    replicas: {
      report: (step, waiting) => leases.report(step, waiting),
      waiting: (step) => leases.waiting(step),
      isLeading: () => term !== undefined && !term.aborted && leases.isKnown(),
    },
    peers: () => new Map([...leases.peers()].map(([name, address]) => [name.slice(leasePrefix.length), address])),
    areOthersKnown: () => leases.isKnown(),
    isAlive: (name) => name === options.replica || leases.peers().has(leaseName(name)),
    ended: Promise.all([ended, leases.ended]),
  };
}

/** Resolves when both Leases are given back. */
async function leadRevision(options: DutiesOptions, onClusterElected: (leading: AbortSignal) => void): Promise<void> {
  const { client, systemNamespace, revision, signal, log } = options;
  const identity = `${dnsName(options.replica)}_${randomUUID()}`;
  const onFault = (error: unknown): void =>
    log.warn('the election of the leader cannot be followed', { reason: String(error) });
  let within: Promise<void> | undefined;
  await takePartInElection({
    client,
    lease: { namespace: systemNamespace, name: `istio-leader-${revision}` },
    identity,
    signal,
    onElected: (leading) => {
      tellOfTerm(log, `leads the revision ${revision}`, leading);
      options.onRevisionElected(leading);
      maintainWebhooks(options, leading);
      within = takePartInElection({
        client,
        lease: { namespace: systemNamespace, name: clusterLease },
        identity: `${revision}_${identity}`,
        precedence: (holder) => precedence(holder, revision, options.isDefaultRevision()),
        signal: leading,
        onElected: (elected) => {
          tellOfTerm(log, 'writes for all revisions', elected);
          onClusterElected(elected);
        },
        onFault,
      });
    },
    onFault,
  });
  await within;
}

const clusterLease = 'keelson-leader';

/** Nobody else leads this revision now, so a holder of it does not any more. */
function precedence(holder: string, revision: string, isDefault: boolean): Precedence | undefined {
  if (holder.split('_')[0] === revision) return 'ended';
  return isDefault ? 'lower' : undefined;
}

function tellOfTerm(log: Log, what: string, leading: AbortSignal): void {
  log.info(`this replica ${what}`);
  leading.addEventListener('abort', () => log.info(`this replica no longer ${what}`));
}

/** To every namespace. */
function distribute({ client, trust, log }: DutiesOptions, signal: AbortSignal): void {
  distributeTrust({
    client,
    trust,
    signal,
    onFault: (namespace, error) =>
      log.error('a namespace does not get the roots to trust', { namespace, reason: String(error) }),
  });
}

/** Of this revision, by whatever name. */
function maintainWebhooks({ client, systemNamespace, revision, trust, log }: DutiesOptions, signal: AbortSignal): void {
  maintainWebhookConfigurations({
    client,
    trust,
    revision,
    systemNamespace,
    signal,
    onFault: (configuration, error) =>
      log.warn('a webhook configuration is not complete', { configuration, reason: String(error) }),
    onEnforced: (webhook) =>
      log.info('the API server asks the webhook: nothing is stored without its consent', { webhook }),
  });
}

const leasePrefix = 'keelson-replica-';
const leaseName = (replica: string): string => `${leasePrefix}${dnsName(replica)}`;

/** As it may stand in the name of an object. */
const dnsName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 200) || 'replica';
