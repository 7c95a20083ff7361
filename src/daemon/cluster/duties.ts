// What a replica does for its cluster besides serving proxies: it takes part in the election of the one that writes, and
// when it is elected, writes what everybody needs.
import { randomUUID } from 'node:crypto';

import type { Replicas } from '../../ca/root/rotator.ts';
import { takePartInElection } from '../../controllers/leader-election.ts';
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
  /** Called when this replica is to write, before it does. */
  readonly onElected: (signal: AbortSignal) => void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface Duties {
  /** For rotations of the root. */
  readonly replicas: Replicas;
  /** Addresses of the other replicas, by name. */
  peers(): ReadonlyMap<string, string>;
  areOthersKnown(): boolean;
  /** Whether a replica of that name is there: this one, or another one. */
  isAlive(replica: string): boolean;
  /** Resolves after `signal`, when everything is given back. */
  readonly ended: Promise<unknown>;
}

export function startDuties(options: DutiesOptions): Duties {
  const { client, systemNamespace, revision, signal, log } = options;
  const replica = dnsName(options.replica);
  let term: AbortSignal | undefined;
  const leases = replicaLeases({
    client,
    namespace: systemNamespace,
    name: leaseName(options.replica),
    address: options.address,
    signal,
    onFault: (error) => log.warn('other replicas cannot be told of this one', { reason: String(error) }),
  });
  const ended = takePartInElection({
    client,
    lease: { namespace: systemNamespace, name: `istio-leader-${revision}` },
    identity: `${replica}_${randomUUID()}`,
    signal,
    onElected: (leading) => {
      term = leading;
      log.info('this replica writes', { revision });
      leading.addEventListener('abort', () => log.info('this replica does not write any more', { revision }));
      options.onElected(leading);
      write(options, leading);
    },
    onFault: (error) => log.warn('the election of the leader cannot be followed', { reason: String(error) }),
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

function write({ client, systemNamespace, revision, trust, log }: DutiesOptions, signal: AbortSignal): void {
  distributeTrust({
    client,
    trust,
    signal,
    onFault: (namespace, error) =>
      log.error('a namespace does not get the roots to trust', { namespace, reason: String(error) }),
  });
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
