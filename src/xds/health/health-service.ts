// Health discovery: an Envoy that asks is told how to probe the workload beside it, and tells what it finds. Nobody else has to run
// where the workload does.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/health/v3/hds.proto
import type { ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';

import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import { refusal } from '../admission/admission.ts';
import { encodeMessage } from '../codec/encode.ts';
import { print } from '../codec/print.ts';
import type { Log } from '../log.ts';
import type { Authenticate, FurtherService } from '../server-options.ts';
import { endCall } from '../grpc/service.ts';

const service = 'envoy.service.health.v3';
const same = (bytes: Buffer): Buffer => bytes;

export const healthServiceDefinition = {
  StreamHealthCheck: {
    path: `/${service}.HealthDiscoveryService/StreamHealthCheck`,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as const satisfies ServiceDefinition;

/** What is probed, and how. */
export interface WorkloadProbe {
  /** envoy.service.health.v3.ClusterHealthCheck as proto JSON, without its name. */
  readonly check: object;
  readonly intervalSeconds: number;
}

export interface HealthServiceOptions {
  readonly authenticate: Authenticate;
  /** Undefined for proxies beside which nothing is to be probed. */
  readonly probe: (node: NodeInfo) => WorkloadProbe | undefined;
  /** `fault`: why the workload is not healthy; undefined if it is. */
  readonly onHealth: (client: HealthClient, fault: string | undefined) => void;
  readonly log: Log;
}

export interface HealthClient {
  readonly node: NodeInfo;
  readonly identity: WorkloadIdentity;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

interface Asking extends HealthClient {
  told: string;
}

/** How often an Envoy says that there is nothing to say. */
const idleSeconds = 60;
const workload = 'workload';

export class HealthService implements FurtherService {
  readonly definition = healthServiceDefinition;
  readonly implementation: FurtherService['implementation'];
  readonly #options: HealthServiceOptions;
  readonly #asking = new Map<Call, Asking>();

  constructor(options: HealthServiceOptions) {
    this.#options = options;
    this.implementation = { StreamHealthCheck: (call: Call) => void this.#accept(call) };
  }

  /** Probes may be others now. */
  update(): void {
    for (const call of this.#asking.keys()) this.#tell(call);
  }

  async #accept(call: Call): Promise<void> {
    for (const end of ['cancelled', 'close', 'error']) call.on(end, () => this.#asking.delete(call));
    const { authenticate, log } = this.#options;
    const identity = await authenticate(call.metadata, call.getAuthContext().sslPeerCertificate).catch(
      (error: unknown) => log.error('a proxy cannot be authenticated', { reason: String(error) }),
    );
    if (call.cancelled) return;
    if (identity === undefined) return endCall(call, status.UNAUTHENTICATED, 'no valid credentials');
    call.on('data', (bytes: Buffer) => this.#receive(call, identity, bytes));
    call.on('end', () => call.end());
  }

  #receive(call: Call, identity: WorkloadIdentity, bytes: Buffer): void {
    const message = read(bytes);
    if (message === undefined) return endCall(call, status.INVALID_ARGUMENT, 'a message that cannot be read');
    const { healthCheckRequest: request, endpointHealthResponse: found } = message;
    const node = request?.node;
    if (node !== undefined) {
      const refused = refusal(node, identity);
      if (refused !== undefined) return endCall(call, status.PERMISSION_DENIED, refused);
      this.#asking.set(call, { node, identity, told: '' });
      this.#tell(call);
    }
    const asking = this.#asking.get(call);
    const states = found === undefined ? [] : statesOf(found);
    if (asking === undefined || states.length === 0) return;
    const bad = states.find((state) => state !== 'HEALTHY');
    this.#options.onHealth(asking, bad === undefined ? undefined : `its proxy finds it ${bad.toLowerCase()}`);
  }

  #tell(call: Call): void {
    const asking = this.#asking.get(call);
    if (asking === undefined) return;
    const probe = this.#options.probe(asking.node);
    const checks = probe === undefined ? [] : [{ cluster_name: workload, ...probe.check }];
    const specifier = { cluster_health_checks: checks, interval: `${probe?.intervalSeconds ?? idleSeconds}s` };
    const text = JSON.stringify(specifier);
    if (text === asking.told) return;
    asking.told = text;
    call.write(Buffer.from(encodeMessage(`${service}.HealthCheckSpecifier`, specifier)));
  }
}

interface Message {
  readonly healthCheckRequest?: { readonly node?: NodeInfo };
  readonly endpointHealthResponse?: EndpointHealth;
}

interface EndpointHealth {
  readonly clusterEndpointsHealth?: readonly {
    readonly localityEndpointsHealth?: readonly {
      readonly endpointsHealth?: readonly { readonly healthStatus?: string }[];
    }[];
  }[];
}

function read(bytes: Buffer): Message | undefined {
  try {
    const message = print(`${service}.HealthCheckRequestOrEndpointHealthResponse`, bytes) as Message;
    const node = message.healthCheckRequest?.node;
    if (node === undefined) return message;
    return { healthCheckRequest: { node: { ...node, id: node.id ?? '', cluster: node.cluster ?? '', metadata: node.metadata ?? {} } } }; // prettier-ignore
  } catch {
    return undefined;
  }
}

const statesOf = ({ clusterEndpointsHealth = [] }: EndpointHealth): readonly string[] =>
  clusterEndpointsHealth.flatMap(({ localityEndpointsHealth = [] }) =>
    localityEndpointsHealth.flatMap(({ endpointsHealth = [] }) =>
      endpointsHealth.map(({ healthStatus = 'UNKNOWN' }) => healthStatus),
    ),
  );
