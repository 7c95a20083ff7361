// What a manifest would change: in which proxies, in which resources, by which object's word.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { keelson } from '../../src/cli/keelson.ts';

const pod = (name: string, namespace: string, ip: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name}, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: web, containers: [{ name: app }] }
status: { podIP: ${ip}, conditions: [{ type: Ready, status: 'True' }] }
---`;
const base = `${pod('web', 'shop', '10.2.0.1')}${pod('till', 'bank', '10.2.0.2')}
apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec: { clusterIP: 10.1.0.1, selector: { app: store }, ports: [{ name: http, port: 80 }] }
`;
const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: store, namespace: shop }
spec: { host: store, exportTo: ['.'], trafficPolicy: { connectionPool: { tcp: { maxConnections: 3 } } } }
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diff-'));
  await writeFile(join(directory, 'base.yaml'), base);
  await writeFile(join(directory, 'rule.yaml'), rule);
});
afterAll(() => rm(directory, { recursive: true }));

async function diff(file: string) {
  let stdout = '';
  const io = { stdout: (text: string) => void (stdout += text), stderr: () => {} };
  const code = await keelson(
    ['diff', '--config', join(directory, 'base.yaml'), '-f', join(directory, file), '--json'],
    io,
  );
  return { code, changes: JSON.parse(stdout) as unknown };
}

test('names the proxies that see the object, the field that changes and its cause', async () => {
  const { code, changes } = await diff('rule.yaml');
  expect(code).toBe(1);
  expect(changes).toMatchObject([
    {
      proxy: 'web.shop',
      resources: [
        {
          kind: 'cluster',
          name: 'outbound|80||store.shop.svc.cluster.local',
          change: 'changes',
          fields: expect.any(Array) as unknown[],
        },
      ],
    },
  ]);
  expect(JSON.stringify(changes)).toMatch(
    /max_connections","before":4294967295,"after":3,"causes":\["DestinationRule shop\/store/,
  );
});

test('what is there already changes nothing', async () => {
  expect(await diff('base.yaml')).toEqual({ code: 0, changes: [] });
});
