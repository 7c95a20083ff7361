import { expect, test } from 'vitest';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { Quarantine } from '../../src/xds/subscription/quarantine.ts';
import { staticCluster } from './mesh.ts';

const version = (seconds: number) => cachedResource(staticCluster('a', seconds));
const by = { node: 'n', error: 'no', at: 1 };

test('nothing stands in for what was not rejected', () => {
  const quarantine = new Quarantine();
  quarantine.accepted('s', version(1));
  expect(quarantine.inForce('s', version(2)).valueOf()).toMatchObject({ content: version(2).content });
});

test('a version that one proxy accepted and another rejects gives way to the one before', () => {
  const quarantine = new Quarantine();
  quarantine.accepted('s', version(1));
  quarantine.accepted('s', version(2));
  quarantine.rejected('s', version(2), by);
  expect(quarantine.inForce('s', version(2))).toMatchObject({ content: version(1).content });
  quarantine.rejected('s', version(1), by);
  expect(quarantine.inForce('s', version(1))).toBe('withheld');
});

test('an acceptance by another proxy does not free what was rejected', () => {
  const quarantine = new Quarantine();
  quarantine.rejected('s', version(2), by);
  quarantine.accepted('s', version(2));
  expect(quarantine.inForce('s', version(2))).toBe('withheld');
});

test('one rejection is told for all the nodes, since the first', () => {
  const quarantine = new Quarantine();
  quarantine.rejected('s', version(2), by);
  quarantine.rejected('s', version(2), { node: 'm', error: 'still no', at: 2 });
  expect(quarantine.rejections()).toMatchObject([{ name: 'a', nodes: ['n', 'm'], since: 1, error: 'still no' }]);
});

test('what no proxy is to have any more is forgotten', () => {
  const quarantine = new Quarantine();
  quarantine.rejected('gone', version(2), by);
  quarantine.rejected('here', version(2), by);
  quarantine.accepted('here', cachedResource(staticCluster('b')));
  quarantine.retain((scope, name) => scope === 'here' && name === 'a');
  expect(quarantine.rejections().map(({ scope }) => scope)).toEqual(['here']);
  expect(quarantine.size).toBe(1);
  expect(quarantine.inForce('gone', version(2))).not.toBe('withheld');
});
