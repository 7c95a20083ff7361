// The change of a file while traffic flows: how long after the write the last proxy has it, and that traffic follows.
// Measured by asking each Envoy's admin interface for its routes again and again from the moment the file is written,
// so the figure includes noticing the change, translating it, pushing it, and the question itself.
import type { Pod } from './pods.ts';
import type { Shop } from './shop.ts';
import type { Row } from './table.ts';

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { send, sendMany } from './http.ts';
import { byVersion, callAs, describeCounts, podOf } from './steps.ts';

const limitMilliseconds = 30_000;

/** Makes the canary half of the traffic. */
export async function shiftTraffic(shop: Shop): Promise<Row> {
  const file = join(shop.config, 'canary.yaml');
  const before = await readFile(file, 'utf8');
  const after = before.replace('weight: 90', 'weight: 50').replace('weight: 10', 'weight: 50');
  const written = writeFile(file, after).then(() => performance.now());
  const arrivals = await Promise.all(shop.pods.map((pod) => arrival(pod, written)));
  const last = Math.max(...arrivals);
  const front = podOf(shop, 'front-v1');
  const counts = byVersion(await sendMany(500, 8, () => callAs(front, shop, 'reviews', '/reviews')));
  const v2 = counts.get('v2') ?? 0;
  const milliseconds = Number.isFinite(last) ? `${last.toFixed(0)} ms` : `more than ${limitMilliseconds} ms`;
  return {
    step: 'edit: 50/50, live',
    file: 'canary.yaml',
    seen: `${milliseconds} after the write the last of ${shop.pods.length} Envoys had it; 500 requests: ${describeCounts(counts)}`,
    ok: Number.isFinite(last) && v2 >= 190 && v2 <= 310 && counts.get('v1') === 500 - v2,
  };
}

/** Milliseconds from the write until this Pod's proxy routes by the new weights; Infinity: not within the limit. */
async function arrival(pod: Pod, written: Promise<number>): Promise<number> {
  const began = await written;
  const routes = { host: '127.0.0.1', port: pod.adminPort, path: '/config_dump?resource=dynamic_route_configs' };
  while (performance.now() - began < limitMilliseconds) {
    const { body } = await send(routes);
    if (/"weight": 50\b/.test(body)) return performance.now() - began;
    await delay(10);
  }
  return Infinity;
}

/** Nothing that was pushed during all this was refused by a proxy. */
export async function nothingRejected(shop: Shop): Promise<Row> {
  const counts = await Promise.all(shop.pods.map(rejections));
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    step: 'nothing rejected',
    file: '(all)',
    seen: `${total} updates refused by ${shop.pods.length} Envoys since they started`,
    ok: total === 0,
  };
}

async function rejections(pod: Pod): Promise<number> {
  const { body } = await send({ host: '127.0.0.1', port: pod.adminPort, path: '/stats?filter=update_rejected' });
  const values = body.split('\n').map((line) => Number(line.split(': ')[1] ?? 0));
  return values.reduce((sum, value) => sum + value, 0);
}
