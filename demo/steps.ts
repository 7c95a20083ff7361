// What the demo shows: each step sends real requests through real proxies, as the front page's Pod, and says what it
// saw and whether that is what the configuration asks for.
import type { Answer } from './http.ts';
import type { Pod, ServiceName } from './pods.ts';
import type { Shop } from './shop.ts';
import type { Row } from './table.ts';

import { send, sendMany } from './http.ts';

export type Step = (shop: Shop) => Promise<Row>;
type Headers = Readonly<Record<string, string>>;

/** In order: what is received during one is counted by the last. */
export const steps: readonly Step[] = [
  canary,
  headerRouting,
  rewrite,
  fault,
  retry,
  timeout,
  circuitBreaker,
  mutualTls,
  plaintextRefused,
];

/** A request as the front page's app sends it: to its own proxy, which does the rest. */
export function callAs(pod: Pod, shop: Shop, service: ServiceName, path: string, headers: Headers = {}) {
  return send({ host: pod.egress, port: shop.meshPort, path, headers: { ...headers, host: service } });
}

export function podOf(shop: Shop, name: string): Pod {
  const pod = shop.pods.find((candidate) => candidate.name === name);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  return pod;
}

/** How many answers each version gave; anything but 200 counts as `error <status>`. */
export function byVersion(answers: readonly Answer[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { status, body } of answers) {
    const version = status === 200 ? (JSON.parse(body) as { version: string }).version : `error ${status}`;
    counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  return counts;
}

export const describeCounts = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, count]) => `${version} ${count}`)
    .join(', ');

async function canary(shop: Shop): Promise<Row> {
  const front = podOf(shop, 'front-v1');
  const counts = byVersion(await sendMany(1000, 8, () => callAs(front, shop, 'reviews', '/reviews')));
  const v2 = counts.get('v2') ?? 0;
  return {
    step: 'canary 90/10',
    file: 'canary.yaml',
    seen: `1000 requests for reviews: ${describeCounts(counts)}`,
    ok: v2 >= 60 && v2 <= 140 && counts.get('v1') === 1000 - v2,
  };
}

async function headerRouting(shop: Shop): Promise<Row> {
  const front = podOf(shop, 'front-v1');
  const jane = byVersion(await sendMany(20, 4, () => callAs(front, shop, 'reviews', '/reviews', { 'x-user': 'jane' })));
  const john = byVersion(await sendMany(20, 4, () => callAs(front, shop, 'reviews', '/reviews', { 'x-user': 'john' })));
  return {
    step: 'routing by header',
    file: 'canary.yaml',
    seen: `x-user jane: ${describeCounts(jane)}; x-user john: ${describeCounts(john)}`,
    ok: jane.get('v3') === 20 && (john.get('v1') ?? 0) + (john.get('v2') ?? 0) === 20,
  };
}

async function rewrite(shop: Shop): Promise<Row> {
  const front = podOf(shop, 'front-v1');
  const expected = { '/catalog': 'v2 /shop', '/listing/42': 'v2 /shop/42', '/imprint': 'v1 /imprint' };
  const seen: string[] = [];
  let ok = true;
  for (const [path, wanted] of Object.entries(expected)) {
    const answer = JSON.parse((await callAs(front, shop, 'store', path)).body) as { version: string; path: string };
    const got = `${answer.version} ${answer.path}`;
    seen.push(`${path} → ${got}`);
    ok &&= got === wanted;
  }
  return { step: 'rewrite', file: 'rewrite.yaml', seen: seen.join('; '), ok };
}

const chaos = { 'x-chaos': 'on' };

async function fault(shop: Shop): Promise<Row> {
  const details = podOf(shop, 'details-v1');
  const answers = await sendMany(400, 4, () => callAs(details, shop, 'ratings', '/ratings', chaos));
  const failed = answers.filter(({ status }) => status === 503).length;
  const fine = answers.filter(({ status }) => status === 200).length;
  return {
    step: 'injected fault, 25 %',
    file: 'faults.yaml',
    seen: `details asks ratings 400 times with x-chaos: on: 503 ${failed} times, 200 ${fine} times`,
    ok: failed >= 60 && failed <= 140 && failed + fine === 400,
  };
}

async function retry(shop: Shop): Promise<Row> {
  const served = () => shop.apps.find(({ pod }) => pod.name === 'details-v1')?.received.length ?? 0;
  const before = served();
  const front = podOf(shop, 'front-v1');
  const answers = await sendMany(200, 4, () => callAs(front, shop, 'details', '/details', chaos));
  const attempts = served() - before;
  const failed = answers.filter(({ status }) => status !== 200).length;
  return {
    step: 'a retry that hides it',
    file: 'retries.yaml',
    seen: `front asks details 200 times, details asks ratings with that fault:\n${failed} failures seen by front, ${attempts} attempts arrived at details`,
    ok: failed === 0 && attempts > 220,
  };
}

async function timeout(shop: Shop): Promise<Row> {
  const { status, milliseconds } = await callAs(podOf(shop, 'front-v1'), shop, 'details', '/details/slow');
  return {
    step: 'timeout 0.3 s',
    file: 'retries.yaml',
    seen: `/details/slow takes 2 s: ${status} after ${milliseconds.toFixed(0)} ms`,
    ok: status === 504 && milliseconds < 2000,
  };
}

async function circuitBreaker(shop: Shop): Promise<Row> {
  const front = podOf(shop, 'front-v1');
  const rush = await sendMany(40, 40, () => callAs(front, shop, 'ratings', '/ratings/slow'));
  const served = rush.filter(({ status }) => status === 200).length;
  const refused = rush.filter(({ status, headers }) => status === 503 && headers['x-envoy-overloaded'] === 'true');
  const after = await callAs(front, shop, 'ratings', '/ratings/slow');
  return {
    step: 'circuit breaker opens',
    file: 'circuit-breaker.yaml',
    seen: `40 requests at once: ${served} served, ${refused.length} refused (x-envoy-overloaded); one more later: ${after.status}`,
    ok: served >= 4 && served <= 12 && served + refused.length === 40 && after.status === 200,
  };
}

async function mutualTls(shop: Shop): Promise<Row> {
  await send({ host: '127.0.0.1', port: podOf(shop, 'front-v1').appPort, path: '/' });
  const inMesh = shop.apps.filter(({ pod }) => pod.service !== 'front').flatMap(({ received }) => received);
  const plain = inMesh.filter(({ caller, server }) => !isSpiffe(caller) || !isSpiffe(server)).length;
  const pairs = [...new Set(inMesh.map(({ caller, server }) => `${caller} → ${server}`))].sort();
  return {
    step: 'mutual TLS everywhere',
    file: 'mtls.yaml',
    seen: [
      `${inMesh.length} requests arrived at apps, ${plain} of them without mutual TLS; who → whom:`,
      ...pairs,
    ].join('\n'),
    ok: plain === 0 && pairs.length >= 5,
  };
}

const isSpiffe = (id: string): boolean => id.startsWith('spiffe://');

async function plaintextRefused(shop: Shop): Promise<Row> {
  const { address } = podOf(shop, 'ratings-v1');
  const call = send({ host: address, port: shop.meshPort, path: '/ratings', headers: { host: 'ratings' } });
  const seen = await call.then(
    ({ status }) => `answered ${status}`,
    (error: NodeJS.ErrnoException) => `connection closed (${error.code ?? error.message})`,
  );
  return {
    step: 'plaintext is refused',
    file: 'mtls.yaml',
    seen: `curl http://${address}:${shop.meshPort}/ratings past the caller's proxy: ${seen}`,
    ok: seen.startsWith('connection closed (ECONNRESET'),
  };
}
