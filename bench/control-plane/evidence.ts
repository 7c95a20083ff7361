// What is kept when something was lost, while the daemon still runs: what it says of itself, where its connections stand, and
// whether the API server has sent what it should.
import type { IncomingMessage } from 'node:http';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import type { RunningProcess } from '../../scripts/process.ts';
import type { Started } from './planes.ts';
import type { World } from './world.ts';

const pages = ['metrics', 'debug/krtz', 'debug/syncz', 'debug/cachez', 'debug/problems', 'debug/rejections'];
/** Of the daemon's metrics and of the API server's: what came in, what went out, who waits. */
const telling =
  /^(pilot_k8s_|pilot_push_triggers|keelson_push_cycle_seconds_count|keelson_problems|nodejs_eventloop|process_cpu)/;
const servers = /^(apiserver_longrunning_requests|apiserver_watch_events_total|apiserver_terminated_watchers_total)/;
const shownLines = 25;

/** Returns the directory; the most telling part is printed at once. */
export async function keepEvidence(world: World, name: string, started: Started, why: string): Promise<string> {
  const directory = join(world.reports, `${name}-evidence`);
  await mkdir(directory, { recursive: true });
  const keep = (file: string, text: string): Promise<void> => writeFile(join(directory, file), text);
  const { daemon, monitoring } = started;
  console.error(`\n${name}: ${why}; the daemon's last lines:\n${end(daemon).join('\n')}`);
  await keep('log.txt', daemon.lines().join('\n'));
  for (const page of monitoring === undefined ? [] : pages) {
    const answer = await textOf(`${monitoring}/${page}`);
    await keep(`${page.replaceAll('/', '-')}.txt`, answer);
    if (page === 'metrics') console.error(lines(answer, telling));
  }
  await keep('api-server.txt', lines(await apiServerMetrics(world).catch(String), servers));
  await keep('sockets.txt', await sockets(daemon));
  console.error(`All of it is in ${directory}\n`);
  return directory;
}

const end = (daemon: RunningProcess): readonly string[] => daemon.lines().slice(-shownLines);

const lines = (text: string, wanted: RegExp): string =>
  text
    .split('\n')
    .filter((line) => wanted.test(line))
    .join('\n');

const textOf = (url: string): Promise<string> =>
  fetch(url, { signal: AbortSignal.timeout(10_000) }).then((answer) => answer.text(), String);

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** Of a server on this machine, whose certificate is nobody's but its own. */
async function apiServerMetrics({ kubernetes }: World): Promise<string> {
  const { clusters, users } = JSON.parse(await readFile(kubernetes.kubeconfig, 'utf8')) as Kubeconfig;
  const headers = { authorization: `Bearer ${users[0].user.token}` };
  const request = get(`${clusters[0].cluster.server}/metrics`, { headers, rejectUnauthorized: false, timeout: 10_000 });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return text(answer);
}

/** Bytes that wait to be read or acknowledged show who does not listen. */
const sockets = async ({ pid }: RunningProcess): Promise<string> =>
  promisify(execFile)('ss', ['-tinpH'], { maxBuffer: 16 << 20 }).then(
    ({ stdout }) =>
      stdout
        .split(/\n(?=\S)/)
        .filter((socket) => socket.includes(`pid=${pid},`))
        .join('\n'),
    String,
  );
