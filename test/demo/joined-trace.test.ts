// One request through the book shop is one trace: every proxy that it passes has a span, and the span's parent is that of
// the proxy before. Real Envoys, and a collector that speaks OTLP over gRPC and over HTTP.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/
import type { Cleanup, Shop } from '../../demo/shop.ts';
import type { Collector, Span } from '../support/servers/otlp/collector.ts';

import { randomUUID } from 'node:crypto';

import { afterEach, expect, test } from 'vitest';

import { startShop } from '../../demo/shop.ts';
import { callAs, podOf } from '../../demo/steps.ts';
import { envoyBinary } from '../../scripts/envoy.ts';
import { startCollector } from '../support/servers/otlp/collector.ts';
import { waitFor } from '../support/mesh/live-mesh.ts';

const cleanup: Cleanup = [];
let collector: Collector;
let shop: Shop;

afterEach(async () => {
  while (cleanup.length > 0) await cleanup.pop()?.();
});

/** A request for the front page as the store's Pod sends it, for Jane, who gets the reviews that ask for ratings. */
async function openFrontPage(request: string): Promise<void> {
  const headers = { 'x-user': 'jane', 'x-request-id': request };
  const { status, body } = await callAs(podOf(shop, 'store-v1'), shop, 'front', '/', headers);
  expect([status, body.includes('reviews-v3')]).toEqual([200, true]);
}

/** Proxies write into a request's id whether it is traced, but not into its end. */
const spansOf = (request: string): readonly Span[] =>
  collector.spans.filter(({ attributes }) => attributes['guid:x-request-id']?.slice(-12) === request.slice(-12));

/** What came of it, as far as it goes: the way of each span from the first one, and whose spans these are. */
function ways(spans: readonly Span[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const way = (span: Span): string => {
    const parent = byId.get(span.parent);
    const own = `${span.service.split('.')[0]} ${span.kind}`;
    return parent === undefined ? (span.parent === '' ? own : `? > ${own}`) : `${way(parent)} > ${own}`;
  };
  return spans.map(way).toSorted();
}

/** Two of each hop: the proxy that sends, and the one that receives. */
const hop = (before: string, from: string, to: string): readonly string[] => [
  `${before}${from} client`,
  `${before}${from} client > ${to} server`,
];
const entered = 'store client > front server';
const expected = [
  ...hop('', 'store', 'front'),
  ...['details', 'reviews', 'store'].flatMap((service) => hop(`${entered} > `, 'front', service)),
  ...['details', 'reviews'].flatMap((service) =>
    hop(`${entered} > front client > ${service} server > `, service, 'ratings'),
  ),
].toSorted();

test.each(['grpc', 'http'] as const)(
  'a request is one trace, told over %s',
  async (protocol) => {
    collector = await startCollector();
    cleanup.push(collector.close);
    const quiet = { progress: () => {}, daemon: () => {} };
    const port = protocol === 'grpc' ? collector.grpcPort : collector.httpPort;
    shop = await startShop(await envoyBinary(), cleanup, quiet, { host: '127.0.0.1', port, protocol });
    const request = randomUUID();
    await openFrontPage(request);
    await waitFor('all spans', () => spansOf(request).length >= expected.length);
    const spans = spansOf(request);
    expect(ways(spans)).toEqual(expected);
    expect(new Set(spans.map(({ trace }) => trace)).size).toBe(1);
    expect(new Set(spans.map(({ over }) => over))).toEqual(new Set([protocol]));
  },
  120_000,
);
