// A rate limit service of our own: lets so many requests of the same descriptors pass, and no more.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/ratelimit/v3/rls.proto
import { Server, ServerCredentials } from '@grpc/grpc-js';

export interface RateLimitService {
  readonly port: number;
  /** How often each question was asked; a question is the bytes of a RateLimitRequest, as text. */
  readonly asked: ReadonlyMap<string, number>;
  readonly close: () => void;
}

/** RateLimitResponse with its overall code. */
const withinLimit = Buffer.from([0x08, 0x01]);
const overLimit = Buffer.from([0x08, 0x02]);

export async function startRateLimitService(limit: number): Promise<RateLimitService> {
  const asked = new Map<string, number>();
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  const decide = {
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService(
    { decide },
    {
      decide: ({ request }: { request: Buffer }, answer: (error: null, value: Buffer) => void) => {
        const question = request.toString('latin1');
        const count = (asked.get(question) ?? 0) + 1;
        asked.set(question, count);
        answer(null, count > limit ? overLimit : withinLimit);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, asked, close: () => server.forceShutdown() };
}
