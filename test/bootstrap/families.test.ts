// What a Pod's Envoy serves by itself is reached over every family that the Pod has addresses of.
import { expect, it } from 'vitest';

import { podBootstrap } from '../../src/bootstrap/pod-bootstrap.ts';

const listening = (address: string, all: string): readonly unknown[] => {
  const environment = { INSTANCE_IP: address, POD_NAME: 'gate', POD_NAMESPACE: 'edge', INSTANCE_IPS: all };
  const { 'envoy.json': message } = podBootstrap({ type: 'router', environment, labels: {}, annotations: {} });
  const { listeners } = (message as { static_resources: { listeners: readonly { name: string; address: unknown }[] } })
    .static_resources;
  return listeners.filter(({ name }) => name === 'readiness' || name === 'metrics').map((listener) => listener.address);
};

it.each([
  ['10.0.0.1', '10.0.0.1', { address: '0.0.0.0' }],
  ['fd00::1', 'fd00::1', { address: '::', ipv4_compat: true }],
  ['10.0.0.1', '10.0.0.1,fd00::1', { address: '::', ipv4_compat: true }],
])('of %s with %s', (address, all, expected) => {
  const found = listening(address, all);
  expect(found).toHaveLength(2);
  for (const one of found) expect(one).toMatchObject({ socket_address: expected });
});
