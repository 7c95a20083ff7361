// What happens when services want the same bind: the older one wins what both want, and HTTP shares with the rest.
import { expect, test } from 'vitest';
import type { Protocol } from '../../../src/model/mesh/mesh.ts';
import type { ServiceView } from '../../../src/model/view.ts';
import { listenerIn, names, outbound, summary } from '../../support/objects/make-listener.ts';
import { makeExternalService, makePort, makeProxy, makeService, makeServiceView } from '../../support/objects/make.ts';

const host = (name: string, protocol: Protocol, addresses: readonly string[] = []): ServiceView =>
  makeServiceView(makeExternalService(`${name}.example`, { addresses, ports: [makePort(9000, protocol)] }));

const onWildcard = (...views: ServiceView[]): readonly string[] => summary(listenerIn(outbound(views), '0.0.0.0_9000'));

const http = 'raw_buffer http/1.1 h2c -> HTTP 9000';
const rest = 'default any -> PassthroughCluster';
const to = (name: string): string => `-> outbound|9000||${name}.example`;

const web = host('web', 'HTTP');
const raw = host('raw', 'TCP');
const tls = host('tls', 'TLS');
const auto = host('auto', 'Auto');

test('TCP and HTTP share: what does not look like HTTP goes to the TCP service', () => {
  expect(onWildcard(web, raw)).toEqual([http, `default any ${to('raw')}`]);
  expect(onWildcard(raw, web)).toEqual([http, `default any ${to('raw')}`]);
});

test('TLS and HTTP share by server name, and both inspectors look', () => {
  expect(onWildcard(web, tls)).toEqual([`tls.example ${to('tls')}`, http, rest]);
  expect(onWildcard(tls, web)).toEqual([`tls.example ${to('tls')}`, http, rest]);
  const listener = listenerIn(outbound([tls, web]), '0.0.0.0_9000');
  expect(names(listener.listener_filters)).toEqual(['tls_inspector', 'http_inspector']);
});

test('a second plain TCP service is left out; TLS and address blocks are added', () => {
  expect(onWildcard(raw, host('other', 'TCP'))).toEqual([`any ${to('raw')}`]);
  expect(onWildcard(tls, host('also', 'TLS'))).toEqual([
    `tls.example ${to('tls')}`,
    `also.example ${to('also')}`,
    rest,
  ]);
  expect(onWildcard(raw, host('block', 'TCP', ['172.20.0.0/16']))).toEqual([
    `172.20.0.0/16 ${to('block')}`,
    `default any ${to('raw')}`,
  ]);
  expect(onWildcard(host('block', 'TCP', ['172.20.0.0/16']), host('same', 'TCP', ['172.20.0.0/16']))).toEqual([
    `172.20.0.0/16 ${to('block')}`,
    rest,
  ]);
});

test('a detected protocol takes over from HTTP, joins TCP, and is kept by both', () => {
  expect(onWildcard(web, auto)).toEqual([http, `default any ${to('auto')}`]);
  expect(onWildcard(auto, web)).toEqual([http, `default any ${to('auto')}`]);
  expect(onWildcard(raw, auto)).toEqual([http, `default any ${to('raw')}`]);
  expect(onWildcard(auto, raw)).toEqual([http, `default any ${to('auto')}`]);
  expect(onWildcard(auto, tls)).toEqual([http, `tls.example ${to('tls')}`, `default any ${to('auto')}`]);
  expect(onWildcard(auto, host('later', 'Auto'))).toEqual([http, `default any ${to('auto')}`]);
});

test.each(['Mongo', 'MySQL'] as const)('%s shares with nothing else', (protocol) => {
  const database = host('db', protocol);
  expect(onWildcard(database, web)).toEqual([`any ${to('db')}`]);
  expect(onWildcard(web, database)).toEqual([http, rest]);
  expect(onWildcard(tls, database)).toEqual([`tls.example ${to('tls')}`, rest]);
});

test('a service with an address never meets one without', () => {
  const addressed = makeServiceView(makeService({ ports: [makePort(9000, 'TCP')] }));
  const listeners = outbound([web, addressed]);
  expect([...listeners.keys()]).toEqual(['0.0.0.0_9000', '10.1.0.1_9000', 'virtualOutbound']);
  expect(summary(listenerIn(listeners, '0.0.0.0_9000'))).toEqual([http, rest]);
});

test('on the loopback address HTTP is told from TCP once both are there', () => {
  const proxy = makeProxy({ interceptionMode: 'NONE' });
  expect(summary(listenerIn(outbound([web, raw], [], { proxy }), '127.0.0.1_9000'))).toEqual([
    'http/1.1 h2c -> HTTP 9000',
    `default any ${to('raw')}`,
  ]);
});
