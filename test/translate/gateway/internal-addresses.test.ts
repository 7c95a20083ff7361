// What all connection managers have in common: which clients they take for the mesh's own, and HTTP/1.0.
import { expect, it } from 'vitest';

import { frontGateway, gate } from '../../support/mesh/front-gateway.ts';
import type { Asking } from '../../support/objects/translated.ts';
import { translated } from '../../support/objects/translated.ts';

const yaml = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: '{}'
  meshNetworks: |
    networks:
      far: {endpoints: [{fromCidr: 'fd00:1::/32'}, {fromCidr: 10.20.0.0/16}, {fromCidr: not-a-block/8}], gateways: [{address: 203.0.113.9, port: 15443}]}
      near: {endpoints: [{fromRegistry: Kubernetes}, {fromCidr: 10.9.0.0/16}, {fromCidr: 10.9.0.0/12}, {fromCidr: 192.0.2.1}]}
${frontGateway}`;
const manager = (asking: Asking) =>
  translated(yaml, 'listener', asking).get('0.0.0.0_80').filter_chains[0].filters.at(-1).typed_config;

const blocks = (asking: Asking): readonly string[] | undefined =>
  manager(asking).internal_address_config?.cidr_ranges.map(
    ({ address_prefix: address, prefix_len: length }: { address_prefix: string; prefix_len: number }) => `${address}/${length}`, // prettier-ignore
  );

it('keeps the headers of Envoy for clients of the mesh’s networks', () => {
  const ranges = ['10.9.0.0/12', '10.9.0.0/16', '10.20.0.0/16', '192.0.2.1/32', 'fd00:1::/32'];
  expect(blocks(gate)).toEqual(ranges);
  // Sidecars know who calls.
  expect(blocks({})).toBeUndefined();
  expect(blocks({ features: { internalNetworks: true } })).toEqual(ranges);
});

it.each<[string, Asking]>([
  ['gateways', gate],
  ['sidecars', {}],
])('lets %s take requests of HTTP/1.0 where all proxies are to', (_what, asking) => {
  expect(manager(asking).http_protocol_options?.accept_http_10).toBeUndefined();
  expect(manager({ ...asking, features: { http10: true } }).http_protocol_options.accept_http_10).toBe(true);
});
