// What replicas tell each other, over gRPC. The one that writes: what their own proxies have of every object, all of it first,
// then what has changed. Whoever is asked about the mesh: the state of their own proxies. They know each other by certificates
// that they issue to themselves, of an account that nobody else has.
import type { Metadata, sendUnaryData, ServerUnaryCall, ServerWritableStream, ServiceDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';

import type { DeliveryReport, ObjectDelivery } from '../../conditions/delivery-report.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { spiffeId } from '../../model/proxy/identity.ts';
import type { ReplicaAnswer, ReplicaQuestion } from '../../model/proxy/replica.ts';
import type { Authenticate, FurtherService } from '../../xds/server.ts';

/** Objects by their keys; null for one that is gone. */
export type ReportChange = Readonly<Record<string, ObjectDelivery | null>>;

const asBytes = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const fromBytes = <T extends object>(bytes: Buffer): T => (bytes.length === 0 ? {} : JSON.parse(bytes.toString())) as T;

export const replicaServiceDefinition = {
  FollowDelivery: {
    path: '/keelson.v1.Replicas/FollowDelivery',
    requestStream: false,
    responseStream: true,
    requestSerialize: asBytes,
    requestDeserialize: fromBytes<ReportChange>,
    responseSerialize: asBytes,
    responseDeserialize: fromBytes<ReportChange>,
  },
  Ask: {
    path: '/keelson.v1.Replicas/Ask',
    requestStream: false,
    responseStream: false,
    requestSerialize: asBytes,
    requestDeserialize: fromBytes<ReplicaQuestion>,
    responseSerialize: asBytes,
    responseDeserialize: fromBytes<ReplicaAnswer>,
  },
} as const satisfies ServiceDefinition;

/** The account of replicas: certificates for it come from the authority's own hands only. */
export const replicaIdentity = (trustDomain: string, systemNamespace: string): WorkloadIdentity => ({
  trustDomain,
  namespace: systemNamespace,
  serviceAccount: 'keelson.replica',
});

/** For the server of a replica. `answer`: of this replica alone. */
export const replicaService = (
  { authenticate, trustDomain }: Pick<ReplicaServiceOptions, 'authenticate' | 'trustDomain'>,
  { systemNamespace }: Pick<ReplicaServiceOptions, 'systemNamespace'>,
  answer: ReplicaServiceOptions['answer'],
): ReplicaService => new ReplicaService({ authenticate, trustDomain, systemNamespace, answer });

type Call = ServerWritableStream<ReportChange, ReportChange>;
type Asking = ServerUnaryCall<ReplicaQuestion, ReplicaAnswer>;

export interface ReplicaServiceOptions {
  readonly authenticate: Authenticate;
  readonly trustDomain: string;
  readonly systemNamespace: string;
  readonly answer: (question: ReplicaQuestion) => ReplicaAnswer;
}

const refusal = { code: status.PERMISSION_DENIED, details: 'for replicas only' };

/** Tells whoever follows, and whoever asks. */
export class ReplicaService implements FurtherService {
  readonly definition = replicaServiceDefinition;
  readonly implementation: FurtherService['implementation'];
  readonly #followers = new Set<Call>();
  #report: DeliveryReport = new Map();

  constructor({ authenticate, trustDomain, systemNamespace, answer }: ReplicaServiceOptions) {
    const replica = spiffeId(replicaIdentity(trustDomain, systemNamespace));
    // A token is none of these: what counts is a certificate that only a replica can have made.
    const known = async (call: Call | Asking): Promise<boolean> => {
      const caller = await authenticate(withoutToken(call.metadata), call.getAuthContext().sslPeerCertificate);
      return caller !== undefined && spiffeId(caller) === replica;
    };
    this.implementation = {
      FollowDelivery: (call: Call) => {
        const refuse = (): void => void call.emit('error', refusal);
        void known(call).then((isKnown) => (isKnown ? this.#follow(call) : refuse()), refuse);
      },
      Ask: (call: Asking, reply: sendUnaryData<ReplicaAnswer>) => {
        const answered = known(call).then((isKnown) => (isKnown ? answer(call.request) : undefined));
        answered.then(
          (value) => (value === undefined ? reply(refusal) : reply(null, value)),
          () => reply({ code: status.UNAVAILABLE, details: 'no answer' }),
        );
      },
    };
  }

  /** The report is another one. */
  publish(report: DeliveryReport): void {
    if (report === this.#report) return;
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

/** What says the same is the same object. */
export function difference(before: DeliveryReport, after: DeliveryReport): ReportChange {
  const changed = [...after].filter(([key, delivery]) => before.get(key) !== delivery);
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  return Object.fromEntries([...changed, ...gone]);
}
