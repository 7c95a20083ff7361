// One HTTP request with a Host header of its own, which is how a mesh without interception is told the service.
import { Agent, request } from 'node:http';

export interface Call {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly milliseconds: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Any status is an answer; rejects only when there was none, or not within ten seconds. */
export function send({ host, port, path, headers = {} }: Call): Promise<Answer> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, host, port, path, headers, timeout: 10_000 }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString(),
          milliseconds: performance.now() - began,
        }),
      );
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer from ${host}:${port}${path} in 10 s`)));
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** `count` calls, at most `parallel` at a time. */
export async function sendMany(count: number, parallel: number, call: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  let left = count;
  const worker = async () => {
    while (left-- > 0) answers.push(await call());
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return answers;
}
