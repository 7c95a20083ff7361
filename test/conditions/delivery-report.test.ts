// How many proxies have what an object asks for: counted from one look to the next, of what has changed in between.
import { expect, test } from 'vitest';

import { DeliveryReporter } from '../../src/conditions/delivery-report.ts';
import type { Layer, Resource } from '../../src/model/envoy/resource.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { withValues } from '../../src/model/patched-map.ts';
import type { ProxyDelivery } from '../../src/model/proxy/delivery.ts';
import type { SourceRef } from '../../src/model/source.ts';
import { from } from '../../src/translate/provenance.ts';

const route = (name: string, ...causes: readonly string[]): Resource => {
  const sources = causes.map((cause): SourceRef => ({
    kind: 'VirtualService',
    namespace: 'shop',
    name: cause,
    path: '',
  }));
  return { type: resourceTypes.route, name, message: from(sources, { name }) };
};
const layer = (...resources: readonly Resource[]): Layer => ({
  scope: 'all',
  resources: new Map(resources.map((resource) => [resource.name, resource])),
});
const settled = (...layers: readonly Layer[]): ProxyDelivery => ({ layers, pending: [] });

const key = (name: string): string => `VirtualService shop/${name}`;
const generations = new Map(['first', 'second', 'nobody'].map((name) => [key(name), 1]));

/** A reporter, how often it asked of a cause whether that counts, and `first/second/nobody` as programmed of proxies. */
function reporting() {
  const work = { asked: 0 };
  const isReported = (): boolean => (work.asked++, true);
  const reporter = new DeliveryReporter({ isReported, breathe: () => Promise.resolve() });
  const report = async (
    proxies: readonly ProxyDelivery[],
    refusals: Parameters<typeof reporter.report>[0]['refusals'] = [],
  ) =>
    // prettier-ignore
    reporter.report({ proxies, refusals }, generations, []);
  const counts = async (...given: Parameters<typeof report>): Promise<string> =>
    [...(await report(...given)).values()].map(({ proxies, programmed }) => `${programmed}/${proxies}`).join(' ');
  return { work, report, counts };
}

const common = layer(route('80', 'first'), route('81', 'second'));
const own = layer(route('own', 'second', 'first'));
const other = layer(route('other', 'second'));

test('counts proxies by what they have, however often and in whichever layer', async () => {
  const { counts } = reporting();
  expect(await counts([settled(common, own), settled(common), settled(other)])).toBe('2/2 3/3 0/0');
});

test('follows what proxies have as it changes, and who comes and goes', async () => {
  const { counts } = reporting();
  await counts([settled(common, own), settled(common), settled(other)]);
  expect(await counts([settled(common, own), settled(other), settled(other)])).toBe('1/1 3/3 0/0');
  expect(await counts([settled(other)])).toBe('0/0 1/1 0/0');
  expect(await counts([])).toBe('0/0 0/0 0/0');
  expect(await counts([settled(common), settled(other)])).toBe('1/1 2/2 0/0');
});

test('counts who waits for the latest version, and whoever rejects it', async () => {
  const { counts, report } = reporting();
  const waiting: ProxyDelivery = { layers: [common], pending: [route('80', 'first')] };
  expect(await counts([waiting, settled(common)])).toBe('1/2 2/2 0/0');
  const [resource] = common.resources.values();
  const refusal = { scope: 'all', resource: resource!, causing: [resource!], error: 'no such filter' };
  const refused = await report([waiting, settled(common), settled(own)], [refusal]);
  expect(refused.get(key('first'))).toMatchObject({ proxies: 3, programmed: 1, faults: ['no such filter'] });
  expect(await counts([settled(common), settled(common)])).toBe('2/2 2/2 0/0');
});

test('a change that is caused by the same objects costs a look at what has changed, and the report stays the same', async () => {
  const { report, work } = reporting();
  const many = layer(...Array.from({ length: 500 }, (_, i) => route(`route ${i}`, i === 0 ? 'first' : 'second')));
  const before = await report(Array.from({ length: 50 }, () => settled(many, common)));
  const { asked } = work;
  const patched: Layer = {
    ...many,
    resources: withValues(many.resources, new Map([['route 7', route('7', 'second')]])),
  };
  const after = await report(Array.from({ length: 50 }, () => settled(patched, common)));
  expect(work.asked - asked).toBe(1);
  expect(after).toBe(before);
  const moved: Layer = { ...many, resources: withValues(many.resources, new Map([['route 0', route('0', 'second')]])) };
  expect((await report([settled(moved)])).get(key('first'))).toMatchObject({ proxies: 0 });
  const without: Layer = { ...many, resources: withValues(many.resources, new Map(), new Set(['route 0'])) };
  expect((await report([settled(without)])).get(key('first'))).toMatchObject({ proxies: 0 });
  const again: Layer = {
    ...moved,
    resources: withValues(moved.resources, new Map([['route 500', route('500', 'first')]])),
  };
  expect((await report([settled(again)])).get(key('first'))).toMatchObject({ proxies: 1 });
});
