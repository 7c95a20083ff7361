// A real Prometheus that reads proxies and daemons of a test, and answers its queries.
// https://prometheus.io/docs/prometheus/latest/querying/api/
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { stringify } from 'yaml';

import { freePort } from '../../../scripts/ports.ts';
import { startProcess, waitUntil } from '../../../scripts/process.ts';

export interface Target {
  readonly port: number;
  readonly path: string;
}

export interface Answer {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusServer {
  /** What an instant query answers as of `at` (milliseconds since 1970), else now. Throws with Prometheus' words. */
  readonly query: (query: string, at?: number) => Promise<readonly Answer[]>;
  readonly stop: () => Promise<void>;
}

/** `binary` is Prometheus; it reads the targets twice a second. */
export async function startPrometheus(
  binary: string,
  jobs: Readonly<Record<string, readonly Target[]>>,
): Promise<PrometheusServer> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-prometheus-'));
  const port = await freePort();
  await writeFile(join(directory, 'prometheus.yaml'), stringify(configuration(jobs)));
  const options = {
    'config.file': join(directory, 'prometheus.yaml'),
    'storage.tsdb.path': join(directory, 'data'),
    'web.listen-address': `127.0.0.1:${port}`,
    'log.level': 'warn',
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const running = startProcess('prometheus', binary, args);
  const stop = async (): Promise<void> => {
    await running.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok;
  await waitUntil(running, 'ready', ready).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { query: (query, at = Date.now()) => asked(port, query, at), stop };
}

const configuration = (jobs: Readonly<Record<string, readonly Target[]>>): object => ({
  global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
  scrape_configs: Object.entries(jobs).flatMap(([job, targets]) =>
    targets.map(({ port, path }) => ({
      job_name: `${job}-${port}`,
      metrics_path: path,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { job } }],
    })),
  ),
});

interface Response {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

async function asked(port: number, query: string, at: number): Promise<readonly Answer[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query, time: String(at / 1000) }),
  });
  const { error, data } = (await response.json()) as Response;
  if (data === undefined) throw new Error(`${query}: ${error}`);
  return data.result.map(({ metric: labels, value }) => ({ labels, value: Number(value[1]) }));
}
