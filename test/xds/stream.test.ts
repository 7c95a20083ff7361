// One stream without a connection: what it writes, and when it does not.
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Configuration } from '../../src/model/envoy/resource.ts';
import type { StreamEnvironment } from '../../src/xds/environment.ts';
import { cachedResource, encodeCount } from '../../src/xds/codec/cache.ts';
import { Quarantine } from '../../src/xds/subscription/quarantine.ts';
import type { Message } from '../../src/xds/subscription/responses.ts';
import { ProxyStream } from '../../src/xds/stream.ts';
import { cluster, configuration, endpoints, layer, listener, staticCluster, types } from './mesh.ts';

const environment: StreamEnvironment = {
  encode: cachedResource,
  quarantine: new Quarantine(),
  secrets: undefined,
  takesHosts: () => false,
  limits: { names: 5000, nameLength: 1000, responseBytes: 1e9 },
  now: () => 0,
  cycle: () => 1,
  onSent: () => {},
  onSettled: () => {},
  onNack: () => {},
};

function bytesOf(response: Message): Buffer {
  const bytes = Buffer.alloc(response.byteLength);
  response.copy(bytes);
  return bytes;
}

function openStream(initial: Configuration) {
  const written: Buffer[] = [];
  const transport = { takes: true, write: (response: Message) => (written.push(bytesOf(response)), transport.takes) };
  const node = { id: 'n', cluster: '', metadata: {} };
  const stream = new ProxyStream(
    'delta',
    { node, identity: undefined, connection: 'n-1', peer: '' },
    environment,
    transport,
  );
  let nonce = 0;
  const nothing = { unsubscribe: [], versions: new Map<string, string>(), error: undefined, node: undefined };
  const subscribe = (typeUrl: string, ...subscribed: readonly string[]): void =>
    stream.request({ ...nothing, typeUrl, nonce: '', subscribe: subscribed });
  const ack = (typeUrl: string): void => stream.request({ ...nothing, typeUrl, nonce: String(++nonce), subscribe: [] });
  stream.configure(initial);
  return { stream, transport, written, subscribe, ack };
}

test('nothing is written to a connection that takes no more, until it does', () => {
  const { stream, transport, written, subscribe, ack } = openStream(configuration({ cluster: [staticCluster('a')] }));
  transport.takes = false;
  subscribe(types.cluster);
  expect(written).toHaveLength(1);
  ack(types.cluster);
  stream.configure(configuration({ cluster: [staticCluster('a', 2)], listener: [listener('l')] }));
  subscribe(types.listener);
  expect(written).toHaveLength(1);
  transport.takes = true;
  stream.drained();
  expect(written).toHaveLength(2);
});

test('listeners do not wait for endpoints that the server has not got', () => {
  const { written, subscribe, ack } = openStream(configuration({ cluster: [cluster('a')], listener: [listener('l')] }));
  subscribe(types.cluster);
  ack(types.cluster);
  subscribe(types.listener);
  expect(written).toHaveLength(2);
});

test('listeners wait for endpoints that the proxy does not ask for, but not for ever', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const world = configuration({ cluster: [cluster('a')], endpoint: [endpoints('a')], listener: [listener('l')] });
  const { written, subscribe, ack } = openStream(world);
  subscribe(types.cluster);
  ack(types.cluster);
  subscribe(types.listener);
  expect(written).toHaveLength(1);
  vi.runAllTimers();
  expect(written).toHaveLength(2);
});

test('listeners do not wait for ever for clusters that never rest', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const world = (seconds: number, prefix: string) =>
    configuration({ cluster: [staticCluster('a', seconds)], listener: [listener('l', prefix)] });
  const { stream, written, subscribe, ack } = openStream(world(1, 'before'));
  subscribe(types.cluster);
  ack(types.cluster);
  subscribe(types.listener);
  ack(types.listener);
  const isListener = (): boolean => written.at(-1)?.includes('after') === true;
  stream.configure(world(2, 'after'));
  for (let seconds = 3; seconds < 40 && !isListener(); seconds++) {
    stream.configure(world(seconds, 'after'));
    vi.advanceTimersByTime(100);
    if (!isListener()) ack(types.cluster);
  }
  expect(isListener()).toBe(true);
});

test('a changed resource costs what it is, whatever else there is', () => {
  const many = Array.from({ length: 2000 }, (_, index) => endpoints(`e${index}`));
  const before = { ...configuration({}), endpoint: [layer('all', ...many)] };
  const { stream, written, subscribe, ack } = openStream(before);
  subscribe(types.endpoint, ...many.map(({ name }) => name));
  ack(types.endpoint);
  const encoded = encodeCount();
  stream.configure({ ...before, endpoint: [layer('all', ...many.slice(1), endpoints('e0', 81))] });
  expect(encodeCount() - encoded).toBe(1);
  expect(written[1]?.length).toBeLessThan(300);
});
