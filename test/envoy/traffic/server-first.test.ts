// Servers that speak first: a client that waits for their greeting sends nothing, and nothing can be told from nothing.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#server-first-protocols
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Lab, Port } from '../../support/mesh/lab.ts';
import { startLab } from '../../support/mesh/lab.ts';
import { sendLine } from '../../support/mesh/traffic.ts';

const mysql: Port = { number: 13306, name: 'mysql', app: 'greeting' };

describe('a server that speaks first', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ workloads: [{ name: 'db-v1', sidecar: true }], ports: [mysql] });
  });
  afterAll(() => lab?.stop());

  test('is heard in plaintext where the port takes both', async () => {
    expect(await sendLine(lab.ingress('db-v1', mysql), '', 'greets')).toBe('db-v1 greets\n');
  });

  test('is heard through the mesh, in mutual TLS', async () => {
    expect(await sendLine(lab.egress(mysql), '', 'greets')).toBe('db-v1 greets\n');
  });
});
