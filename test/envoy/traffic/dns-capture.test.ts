// A stock Envoy answers DNS queries from the name table that it was sent, and passes on what it does not know. Its ports are
// moved to free ones: 15053 and 53 are not ours to take.
import type { Socket } from 'node:dgram';
import type { Envoy } from '../../support/mesh/envoy.ts';

import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { printAny } from '../../../src/xds/codec/print.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { translated } from '../../support/objects/translated.ts';

const input = `---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: garden}
spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: seeds, namespace: garden}
spec: {clusterIP: None, ports: [{name: tcp, port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: seeds, namespace: garden, labels: {kubernetes.io/service-name: seeds}}
addressType: IPv4
ports: [{name: tcp, port: 5432}]
endpoints:
- {addresses: [10.2.0.5], hostname: seeds-0, conditions: {ready: true}}
- {addresses: [10.2.0.6], hostname: seeds-1, conditions: {ready: true}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: parts, namespace: garden}
spec: {hosts: [parts.example], resolution: DNS, ports: [{number: 5432, name: tcp, protocol: TCP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: garden}
spec: {hosts: ["*.wild.example"], addresses: [192.0.2.9], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}]}
`;

let upstream: Socket;
let envoy: Envoy;
let resolver: Resolver;

beforeAll(async () => {
  upstream = await answering([192, 0, 2, 53]);
  const port = await freePort();
  const metadata = { DNS_CAPTURE: 'true', DNS_RESOLVERS: '127.0.0.1' };
  const message = translated(input, 'listener', { metadata }).get('keelson.dns');
  const { bytes } = cachedResource({ type: resourceTypes.listener, name: 'keelson.dns', message });
  const listener = JSON.stringify(printAny(resourceTypes.listener, bytes))
    .replace(/"portValue":15053\b/, `"portValue":${port}`)
    .replace(/"portValue":53\b/, `"portValue":${upstream.address().port}`);
  const { '@type': _, ...bound } = JSON.parse(listener) as Record<string, unknown>;
  envoy = await startEnvoy({ bootstrap: { static_resources: { listeners: [bound] } } });
  resolver = new Resolver({ timeout: 5000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port}`]);
}, 60_000);

afterAll(async () => {
  await envoy?.stop();
  upstream?.close();
});

describe('Envoy answers', () => {
  it.each([
    ['till.garden.svc.cluster.local', ['10.1.0.2']],
    ['till.garden', ['10.1.0.2']],
    ['seeds.garden.svc.cluster.local', ['10.2.0.5', '10.2.0.6']],
    ['seeds-1.seeds.garden.svc.cluster.local', ['10.2.0.6']],
    ['any.wild.example', ['192.0.2.9']],
  ])('for %s', async (name, addresses) => {
    expect((await resolver.resolve4(name)).toSorted()).toEqual(addresses);
  });

  it('for a host that no DNS server knows', async () => {
    const [address] = await resolver.resolve4('parts.example');
    expect(address).toMatch(/^240\.240\./);
  });

  it('with what its resolver says of other names', async () => {
    expect(await resolver.resolve4('elsewhere.example')).toEqual(['192.0.2.53']);
  });
});

/** A DNS server that has one address for every name. */
async function answering(address: readonly number[]): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const wantsIpv4 = question.at(-3) === 1;
    // An answer without errors to the one question, whose name it refers to.
    const header = Buffer.from([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, wantsIpv4 ? 1 : 0, 0, 0, 0, 0]);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]);
    socket.send(Buffer.concat([header, question, ...(wantsIpv4 ? [record] : [])]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
