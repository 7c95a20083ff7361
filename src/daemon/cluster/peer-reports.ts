// What other replicas report of their proxies, followed by the one that writes. A replica that cannot be reached keeps what it
// last said for as long as it is alive.
import type { ClientReadableStream } from '@grpc/grpc-js';

import type { ObjectDelivery, PeerReport } from '../../conditions/delivery-report.ts';
import type { PeerReplica } from '../../controllers/replica-leases.ts';
import type { TlsIdentity } from '../../model/external/secret-source.ts';
import { peerClient } from './peer-client.ts';
import type { ReportChange } from './replica-service.ts';
import { replicaServiceDefinition } from './replica-service.ts';

export interface PeerReportsOptions {
  /** The replicas that are alive, by name. */
  readonly peers: () => ReadonlyMap<string, PeerReplica>;
  /** What this replica shows to the others, issued anew each time. */
  readonly identity: () => Promise<TlsIdentity>;
  /** A name in the certificate of every replica. */
  readonly serverName: string;
  readonly onChange: () => void;
  /** Until then. */
  readonly signal: AbortSignal;
  readonly lookMs?: number;
}

interface Peer extends PeerReplica {
  readonly report: Map<string, ObjectDelivery>;
  close: () => void;
  isOpen: boolean;
  isHeard: boolean;
}

const method = replicaServiceDefinition.FollowDelivery;

export interface PeerReports {
  /** What they say at the moment, those of them that have said anything. */
  reports(): readonly PeerReport[];
  /** All that are alive have. */
  areHeard(): boolean;
}

export function followPeers(options: PeerReportsOptions): PeerReports {
  const { signal, lookMs = 1000 } = options;
  const peers = new Map<string, Peer>();
  const look = (): void => {
    const alive = options.peers();
    for (const [name, peer] of peers) {
      if (alive.get(name)?.address === peer.address) continue;
      peer.close();
      peers.delete(name);
      options.onChange();
    }
    for (const [name, { address, revision }] of alive) {
      const peer = peers.get(name) ?? {
        address,
        revision,
        report: new Map(),
        close: () => {},
        isOpen: false,
        isHeard: false,
      };
      peers.set(name, peer);
      if (!peer.isOpen) void follow(options, peer);
    }
  };
  const timer = setInterval(look, lookMs).unref();
  look();
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    for (const { close } of peers.values()) close();
    peers.clear();
  });
  return {
    reports: () => [...peers.values()].filter(({ isHeard }) => isHeard),
    areHeard: () => [...options.peers().keys()].every((name) => peers.get(name)?.isHeard === true),
  };
}

/** Until it breaks; the next look begins anew. */
async function follow({ identity, serverName, onChange, signal }: PeerReportsOptions, peer: Peer): Promise<void> {
  peer.isOpen = true;
  try {
    const shown = await identity();
    if (signal.aborted) return;
    const client = peerClient(peer.address, shown, serverName);
    const stream: ClientReadableStream<ReportChange> = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      {},
    );
    peer.close = () => stream.cancel();
    let isFirst = true;
    stream.on('data', (change: ReportChange) => {
      if (isFirst) peer.report.clear();
      isFirst = false;
      peer.isHeard = true;
      for (const [key, delivery] of Object.entries(change)) {
        if (delivery === null) peer.report.delete(key);
        else peer.report.set(key, delivery);
      }
      onChange();
    });
    await new Promise<void>((resolve) => stream.on('error', () => resolve()).on('end', () => resolve()));
    client.close();
  } finally {
    peer.isOpen = false;
  }
}
