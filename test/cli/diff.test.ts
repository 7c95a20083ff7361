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

const run = async (...argv: readonly string[]): Promise<string> => {
  let stdout = '';
  const io = { stdout: (text: string) => void (stdout += text), stderr: () => {} };
  await keelson(['diff', '--config', join(directory, 'base.yaml'), ...argv.map((each) => (each.endsWith('.yaml') ? join(directory, each) : each))], io); // prettier-ignore
  return stdout;
};

test('tells what goes when something is deleted, and does not take what moves up for something else', async () => {
  const service = (name: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { clusterIP: 10.1.0.9, selector: { app: a }, ports: [{ name: http, port: 80 }] }\n`; // prettier-ignore
  await writeFile(join(directory, 'added.yaml'), service('archive'));
  const added = await run('-f', 'added.yaml', '--proxy', 'web.shop');
  expect(added).toContain('how archive.shop.svc.cluster.local:80 is connected to appears');
  expect(added).not.toContain('virtual_hosts[store');
  await writeFile(join(directory, 'gone.yaml'), service('store'));
  const gone = await run('--delete', 'gone.yaml', '--proxy', 'web.shop');
  expect(gone).toContain('how store.shop.svc.cluster.local:80 is connected to disappears');
});

test('reports patches that would match nothing, and routes to nowhere', async () => {
  await writeFile(
    join(directory, 'wrong.yaml'),
    `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: lost, namespace: shop }
spec:
  configPatches:
    - applyTo: CLUSTER
      match: { context: SIDECAR_OUTBOUND, cluster: { service: nobody.shop.svc.cluster.local } }
      patch: { operation: MERGE, value: { connect_timeout: 3s } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: store, namespace: shop }
spec: { hosts: [store], http: [{ route: [{ destination: { host: store, subset: v7 } }] }] }
`,
  );
  const said = await run('-f', 'wrong.yaml');
  expect(said).toMatch(/EnvoyFilter shop\/lost spec.configPatches\[0\]: .* matches nothing/);
  expect(said).toMatch(/VirtualService shop\/store spec.http\[0\].route\[0\].destination.subset: .*subset v7/);
});
