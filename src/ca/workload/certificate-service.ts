// Signs the keys of workloads that ask for it: Istio's certificate service. A certificate is for whom the caller proved to
// be; nothing in the request changes that.
// https://istio.io/latest/docs/concepts/security/#pki
import type { Metadata, sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import type { ImpersonationFault } from '../../model/proxy/credential-fault.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { Authority } from '../authority.ts';
import type { Clock } from '../clock.ts';
import type { RateLimit } from './rate-limit.ts';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { spiffeId } from '../../model/proxy/identity.ts';
import { systemClock } from '../clock.ts';
import { readSigningRequest } from '../certificate/csr.ts';
import { workQueue } from '../certificate/queue.ts';
import { rateLimiter } from './rate-limit.ts';
import { parseSpiffeId } from '../identity/spiffe-id.ts';
import { workloadTemplate } from '../certificate/template.ts';

export interface CertificateServiceOptions {
  readonly authority: Authority;
  /** Who is calling; undefined for somebody unknown. */
  readonly authenticate: (
    metadata: Metadata,
    peerCertificate: PeerCertificate | undefined,
  ) => Promise<WorkloadIdentity | undefined>;
  /** Why the bearer of a token may not have a certificate for another identity; without it nobody may. */
  readonly mayImpersonate?: (token: string, wanted: WorkloadIdentity) => Promise<ImpersonationFault | undefined>;
  /** Told of who asks on behalf of others, and may not. */
  readonly onRejected?: (fault: ImpersonationFault, who: string) => void;
  /** Called before the certificate leaves, with its end. */
  readonly onCertified: (until: number) => Promise<void>;
  /** A fault or a bug, without anything of the request. */
  readonly onFault: (identity: WorkloadIdentity | undefined, error: unknown) => void;
  /** How every request has ended. */
  readonly onAnswered?: (outcome: 'issued' | status) => void;
  /** Of certificates, in milliseconds: when nothing is asked for, and at most. */
  readonly ttl?: number;
  readonly maxTtl?: number;
  /** Of one identity, which all replicas of a workload share. */
  readonly rateLimit?: RateLimit;
  /** How many requests may wait, whoever they are from. */
  readonly maxWaiting?: number;
  readonly clock?: Clock;
}

export interface CertificateRequest {
  readonly csr: string;
  /** Seconds, as a decimal number. */
  readonly validityDuration: string;
  readonly metadata: { readonly fields?: Readonly<Record<string, unknown>> } | null;
}

export interface CertificateResponse {
  readonly certChain: readonly string[];
}

type Answer = CertificateResponse | { readonly code: status; readonly details: string };
type Call = ServerUnaryCall<CertificateRequest, CertificateResponse>;

const day = 24 * 3600_000;
const shortestTtl = 60_000;
const defaultRate: RateLimit = { rate: 20, burst: 500 };
const protoFile = fileURLToPath(new URL('../../../protos/istio/v1/auth/certificate.proto', import.meta.url));

/** The service's definition, for servers and for clients. */
export const certificateServiceDefinition = (): ServiceDefinition => {
  const loaded = loadPackageDefinition(loadSync(protoFile, { longs: String, defaults: true })) as unknown as {
    readonly istio: {
      readonly v1: { readonly auth: { readonly IstioCertificateService: { service: ServiceDefinition } } };
    };
  };
  return loaded.istio.v1.auth.IstioCertificateService.service;
};

/** To be added to a gRPC server. */
export function certificateService(options: CertificateServiceOptions) {
  const answer = certificateIssuer(options);
  const CreateCertificate = (call: Call, reply: sendUnaryData<CertificateResponse>): void => {
    let caller: WorkloadIdentity | undefined;
    void options
      .authenticate(call.metadata, call.getAuthContext().sslPeerCertificate)
      .then((identity) => subjectOf((caller = identity), call, options))
      .then((subject) => answer(subject, call.request))
      .catch((error: unknown): Answer => {
        options.onFault(caller, error);
        return { code: status.UNAVAILABLE, details: 'no certificate can be issued now' };
      })
      .then((result) => {
        options.onAnswered?.('code' in result ? result.code : 'issued');
        return 'code' in result ? reply(result) : reply(null, result);
      });
  };
  return { definition: certificateServiceDefinition(), implementation: { CreateCertificate } };
}

/**
 * For whom the certificate is: the caller, or the workload in whose name it may ask. Undefined for nobody.
 * https://github.com/istio/api/blob/master/security/v1alpha1/ca.proto
 */
async function subjectOf(
  caller: WorkloadIdentity | undefined,
  { metadata, request }: Pick<Call, 'metadata' | 'request'>,
  { mayImpersonate, onRejected }: CertificateServiceOptions,
): Promise<WorkloadIdentity | undefined> {
  const fields = request.metadata?.fields ?? {};
  if (caller === undefined || !Object.hasOwn(fields, 'ImpersonatedIdentity')) return caller;
  const { stringValue } = fields['ImpersonatedIdentity'] as { readonly stringValue?: unknown };
  const wanted = parseSpiffeId(typeof stringValue === 'string' ? stringValue : '');
  const [header = ''] = metadata.get('authorization').map(String);
  const isAsked = wanted !== undefined && header.startsWith('Bearer ') && mayImpersonate !== undefined;
  const fault = isAsked
    ? await mayImpersonate(header.slice('Bearer '.length), wanted)
    : 'impersonation by an account without trust';
  if (fault === undefined) return wanted;
  onRejected?.(fault, spiffeId(caller));
  return undefined;
}

/** Answers one request of somebody authenticated, or of nobody known. Rejects when signing fails. */
export function certificateIssuer(options: CertificateServiceOptions) {
  const { authority, clock = systemClock, ttl = day, maxTtl = 90 * day, maxWaiting = 5000 } = options;
  const limiter = rateLimiter(options.rateLimit ?? defaultRate);
  const reading = workQueue(2);
  return async (identity: WorkloadIdentity | undefined, request: CertificateRequest): Promise<Answer> => {
    if (identity === undefined) return { code: status.UNAUTHENTICATED, details: 'no valid credentials' };
    const waiting = reading.length + authority.waiting;
    if (!limiter.allows(spiffeId(identity), clock.now()) || waiting >= maxWaiting)
      return { code: status.RESOURCE_EXHAUSTED, details: 'too many requests: try again later' };
    const read = await reading.run(() => readSigningRequest(request.csr));
    if ('complaint' in read) return { code: status.INVALID_ARGUMENT, details: read.complaint };
    const life = lifetime(request.validityDuration, ttl, maxTtl);
    const template = workloadTemplate(identity, { namespace: identity.namespace }, clock.now(), life);
    const { chain, notAfter } = await authority.certify(template, read.publicKey);
    await options.onCertified(notAfter);
    return { certChain: [...chain, authority.roots] };
  };
}

function lifetime(seconds: string, usual: number, longest: number): number {
  const asked = Number(seconds) * 1000;
  return asked > 0 ? Math.min(longest, Math.max(shortestTtl, asked)) : Math.min(usual, longest);
}
