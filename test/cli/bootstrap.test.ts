import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { bootstrap } from '../../src/cli/bootstrap.ts';
import { directoryTokens, tokenAudience } from '../../src/daemon/authority/credentials.ts';
import { UsageError } from '../../src/cli/io.ts';

const pods = `
apiVersion: v1
kind: Pod
metadata: { name: crane-7, namespace: harbour, labels: { app: crane } }
spec: { serviceAccountName: lifter, containers: [{ name: app }] }
status: { podIP: 10.1.0.7 }
---
apiVersion: v1
kind: Pod
metadata: { name: crane-8, namespace: harbour }
spec: { containers: [{ name: app }] }
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-bootstrap-'));
  await writeFile(join(directory, 'pods.yaml'), pods);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...argv: readonly string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const code = await bootstrap(argv, {
    stdout: (text) => (written.stdout += text),
    stderr: (text) => (written.stderr += text),
  });
  return { code, ...written };
}

const config = () => ['--config', join(directory, 'pods.yaml')];

describe('printed', () => {
  test('is a bootstrap that leaves the node to the command line', async () => {
    const { code, stdout } = await run();
    const message = parse(stdout) as Record<string, unknown>;
    expect(code).toBe(0);
    expect(message).not.toHaveProperty('node');
    expect(message).toHaveProperty('admin.address.socket_address', { address: '127.0.0.1', port_value: 15000 });
    expect(message).toHaveProperty('dynamic_resources.ads_config.api_type', 'DELTA_GRPC');
    expect(stdout).toContain('/etc/keelson/xds-token.yaml');
  });

  test('names the node of a Pod in the configuration', async () => {
    const { stdout } = await run('--proxy', 'crane-7.harbour', ...config());
    expect(parse(stdout)).toHaveProperty('node.id', 'sidecar~10.1.0.7~crane-7.harbour~harbour.svc.cluster.local');
  });

  test.each([
    ['127.0.0.1:15012', 'STATIC', 'istiod.istio-system.svc', '127.0.0.1'],
    ['[::1]:15012', 'STATIC', 'istiod.istio-system.svc', '::1'],
    ['keelson.example:443', 'STRICT_DNS', 'keelson.example', 'keelson.example'],
  ])('reaches the control plane at %s', async (server, type, serverName, address) => {
    const message = parse((await run('--server', server)).stdout) as Record<string, unknown>;
    const cluster = 'static_resources.clusters[0]';
    expect(message).toHaveProperty(`${cluster}.type`, type);
    expect(message).toHaveProperty(`${cluster}.transport_socket.typed_config.sni`, serverName);
    const endpoint = `${cluster}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address`;
    expect(message).toHaveProperty(endpoint, address);
  });

  test('--help tells the options', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--token-ttl');
  });
});

describe('wrong use', () => {
  test.each([
    [['--proxy', 'crane-7.harbour'], /--config/],
    [['--server', 'nowhere'], /HOST:PORT/],
    [['--server', ':15012'], /HOST:PORT/],
    [['--server', 'host:0'], /'0' is not a number/],
    [['--admin-port', '70000'], /70000/],
    [['--admin-port', '1e3'], /1e3/],
    [['--concurrency', '-1x'], /concurrency/],
    [['--out', 'x'], /--proxy/],
  ])('%j', async (argv, message) => {
    await expect(run(...argv)).rejects.toThrow(message);
  });

  test('an option that does not exist', async () => {
    await expect(run('--prox', 'a.b')).rejects.toMatchObject({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
  });

  test('a Pod that is not there: says which are', async () => {
    const missing = run('--proxy', 'crane-9.harbour', ...config());
    await expect(missing).rejects.toThrow(UsageError);
    await expect(missing).rejects.toThrow(/crane-9\.harbour.*crane-7\.harbour/s);
  });

  test('a Pod without an address: says what to give it', async () => {
    await expect(run('--proxy', 'crane-8.harbour', ...config())).rejects.toThrow(/podIP/);
  });
});

describe('--out', () => {
  const write = (out: string, ...more: readonly string[]) =>
    run('--proxy', 'crane-7.harbour', ...config(), '--state', join(directory, 'state'), '--out', out, ...more);

  test('writes a directory that only its owner can read, and prints the command to run', async () => {
    const out = join(directory, 'out');
    const { code, stdout } = await write(out, '--concurrency', '3');
    expect(code).toBe(0);
    expect(stdout).toBe(`envoy -c ${out}/envoy.yaml --disable-hot-restart --drain-time-s 5 --concurrency 3\n`);
    const files = await readdir(out);
    expect(files.sort()).toEqual(['envoy.yaml', 'root-cert.pem', 'token', 'xds-ca.yaml', 'xds-token.yaml']);
    for (const file of files) expect((await stat(join(out, file))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(out, 'root-cert.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  test('the token is for this workload and this control plane, and ends', async () => {
    const out = join(directory, 'out');
    await write(out, '--token-ttl', '2');
    const token = await readFile(join(out, 'token'), 'utf8');
    const tokens = await directoryTokens(join(directory, 'state'));
    const now = Date.now();
    const identity = { trustDomain: 'cluster.local', namespace: 'harbour', serviceAccount: 'lifter' };
    expect(tokens.verify(token, { audience: tokenAudience, now })).toEqual(identity);
    expect(tokens.verify(token, { audience: 'another', now })).toBeUndefined();
    expect(tokens.verify(token, { audience: tokenAudience, now: now + 2.1 * 3_600_000 })).toBeUndefined();
  });

  test('names the token only by its file', async () => {
    const out = join(directory, 'out');
    const { stdout, stderr } = await write(out);
    const token = await readFile(join(out, 'token'), 'utf8');
    const texts = await Promise.all(['envoy.yaml', 'xds-token.yaml'].map((file) => readFile(join(out, file), 'utf8')));
    expect(token.length).toBeGreaterThan(40);
    expect([stdout, stderr, ...texts].some((text) => text.includes(token))).toBe(false);
  });

  test('a state directory that cannot be used is told, not thrown', async () => {
    await writeFile(join(directory, 'a-file'), '');
    const { code, stderr } = await write(join(directory, 'never'), '--state', join(directory, 'a-file'));
    expect(code).toBe(1);
    expect(stderr).toContain('a-file');
  });
});
