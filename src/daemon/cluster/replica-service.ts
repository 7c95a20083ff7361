// What replicas tell the one that writes, over gRPC: what their own proxies have of every object. All of it first, then what has
// changed. They know each other by certificates that they issue to themselves, of an account that nobody else has.
import type { Metadata, ServerWritableStream, ServiceDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';

import type { DeliveryReport, ObjectDelivery } from '../../conditions/delivery-report.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { spiffeId } from '../../model/proxy/identity.ts';
import type { Authenticate, FurtherService } from '../../xds/server.ts';

/** Objects by their keys; null for one that is gone. */
export type ReportChange = Readonly<Record<string, ObjectDelivery | null>>;

const asBytes = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const fromBytes = (bytes: Buffer): ReportChange =>
  bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as ReportChange);

export const replicaServiceDefinition = {
  FollowDelivery: {
    path: '/keelson.v1.Replicas/FollowDelivery',
    requestStream: false,
    responseStream: true,
    requestSerialize: asBytes,
    requestDeserialize: fromBytes,
    responseSerialize: asBytes,
    responseDeserialize: fromBytes,
  },
} as const satisfies ServiceDefinition;

/** The account of replicas: certificates for it come from the authority's own hands only. */
export const replicaIdentity = (trustDomain: string, systemNamespace: string): WorkloadIdentity => ({
  trustDomain,
  namespace: systemNamespace,
  serviceAccount: 'keelson.replica',
});

/** For the server of a replica. */
export function replicaService(authenticate: Authenticate, trustDomain: string, systemNamespace: string) {
  const replica = spiffeId(replicaIdentity(trustDomain, systemNamespace));
  return new ReplicaService({ authenticate, isReplica: (caller) => spiffeId(caller) === replica });
}

type Call = ServerWritableStream<ReportChange, ReportChange>;

export interface ReplicaServiceOptions {
  readonly authenticate: Authenticate;
  readonly isReplica: (caller: WorkloadIdentity) => boolean;
}

/** Tells whoever follows. */
export class ReplicaService implements FurtherService {
  readonly definition = replicaServiceDefinition;
  readonly implementation: FurtherService['implementation'];
  readonly #followers = new Set<Call>();
  #report: DeliveryReport = new Map();

  constructor({ authenticate, isReplica }: ReplicaServiceOptions) {
    const certificateOf = (call: Call) => call.getAuthContext().sslPeerCertificate;
    // A token is none of these: what counts is a certificate that only a replica can have made.
    const known = async (call: Call): Promise<boolean> => {
      const caller = await authenticate(withoutToken(call.metadata), certificateOf(call));
      return caller !== undefined && isReplica(caller);
    };
    const refuse = (call: Call): void =>
      void call.emit('error', { code: status.PERMISSION_DENIED, details: 'for replicas only' });
    this.implementation = {
      FollowDelivery: (call: Call) =>
        void known(call).then(
          (isKnown) => (isKnown ? this.#follow(call) : refuse(call)),
          () => refuse(call),
        ),
    };
  }

  /** The report is another one. */
  publish(report: DeliveryReport): void {
    const change = difference(this.#report, report);
    this.#report = report;
    if (Object.keys(change).length === 0) return;
    for (const follower of this.#followers) follower.write(change);
  }

  #follow(call: Call): void {
    this.#followers.add(call);
    for (const end of ['cancelled', 'close', 'error']) call.on(end, () => this.#followers.delete(call));
    call.write(difference(new Map(), this.#report));
  }
}

function withoutToken(metadata: Metadata): Metadata {
  const bare = metadata.clone();
  bare.remove('authorization');
  return bare;
}

export function difference(before: DeliveryReport, after: DeliveryReport): ReportChange {
  const changed = [...after].filter(([key, delivery]) => JSON.stringify(before.get(key)) !== JSON.stringify(delivery));
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  return Object.fromEntries([...changed, ...gone]);
}
