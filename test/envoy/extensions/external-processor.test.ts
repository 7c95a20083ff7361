// A service of our own that sees requests and responses of a real Envoy on their way: named by an ExternalProcessor, and brought by
// a patch. It changes headers and bodies, answers itself, and is gone.
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { EnvoyService } from '../../../scripts/envoy-service.ts';
import { startEnvoyService } from '../../../scripts/envoy-service.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { http, namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { arrival } from '../../support/mesh/traffic.ts';

interface Header {
  readonly key: string;
  readonly raw_value?: string;
}
interface Headers {
  readonly headers?: { readonly headers?: readonly Header[] };
}
/** A ProcessingRequest: one of its fields is set. */
interface Question {
  readonly request_headers?: Headers;
  readonly response_headers?: Headers;
  readonly response_body?: { readonly body?: string };
}

let lab: Lab;
let service: EnvoyService;
/** The one that the caller's listener is for: it sees services there. */
const { number: port } = http;
const seen: string[] = [];

const setting = (key: string, value: string) => ({
  header_mutation: { set_headers: [{ header: { key, raw_value: Buffer.from(value) } }] },
});
const text = (base64 = ''): string => Buffer.from(base64, 'base64').toString();

/** Marks what goes there and back; refuses what has `forbidden` in its path, and writes bodies in capitals. */
function process({ request_headers: there, response_headers: back, response_body: body }: Question): object {
  if (there !== undefined) {
    const path = text(there.headers?.headers?.find(({ key }) => key === ':path')?.raw_value);
    seen.push(path);
    if (path.includes('forbidden'))
      return { immediate_response: { status: { code: 'Forbidden' }, body: Buffer.from('no') } };
    return { request_headers: { response: setting('x-there', 'seen') } };
  }
  if (back !== undefined) return { response_headers: { response: setting('x-back', 'seen') } };
  const mutation = { body: Buffer.from(text(body?.body).toUpperCase()) };
  return { response_body: { response: { status: 'CONTINUE', body_mutation: mutation } } };
}

beforeAll(async () => {
  service = await startEnvoyService('envoy.service.ext_proc.v3.ExternalProcessor', process);
  const entry = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'processor', namespace },
    spec: {
      hosts: ['processor.example'],
      ports: [{ number: port, name: 'grpc', protocol: 'GRPC' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { grpc: service.port } }],
    },
  };
  lab = await startLab({ workloads: ['store-v1'], files: { 'processor.yaml': yaml(entry) } });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
  service?.close();
});

const processor = (spec: object): string =>
  yaml({
    apiVersion: 'policy.keelson.io/v1alpha1',
    kind: 'ExternalProcessor',
    metadata: { name: 'marks', namespace },
    spec: { match: [{ mode: 'CLIENT' }], service: 'processor.example', port, timeout: '5s', ...spec },
  });

async function processBy(text: string): Promise<void> {
  await lab.mesh.change('extension.yaml', text);
  expect(lab.mesh.daemon.rejections().map(({ error }) => error)).toEqual([]);
}

it('changes headers on the way there and back', async () => {
  await processBy(processor({}));
  const answer = await lab.call('store', { path: '/a' });
  expect([answer.status, arrival(answer).headers['x-there'], answer.headers['x-back']]).toEqual([200, 'seen', 'seen']);
  expect(seen).toEqual(['/a']);
});

it('answers itself', async () => {
  const { status, body } = await lab.call('store', { path: '/forbidden' });
  expect([status, body]).toEqual([403, 'no']);
});

it('is sent no more than was asked for', async () => {
  await processBy(processor({ request: { headers: false } }));
  seen.length = 0;
  const answer = await lab.call('store', { path: '/b' });
  expect([arrival(answer).headers['x-there'], answer.headers['x-back'], seen]).toEqual([undefined, 'seen', []]);
});

it('writes bodies anew', async () => {
  await processBy(processor({ response: { body: 'BUFFERED' } }));
  expect((await lab.call('store')).body).toContain('"INSTANCE":"STORE-V1"');
});

it('is brought by a patch as well', async () => {
  const config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor',
    grpc_service: {
      envoy_grpc: { cluster_name: `outbound|${port}||processor.example`, authority: 'processor.example' },
      timeout: '5s',
    },
    message_timeout: '5s',
  };
  const filter = {
    name: 'envoy.filters.network.http_connection_manager',
    subFilter: { name: 'envoy.filters.http.router' },
  };
  await processBy(
    yaml({
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name: 'marks', namespace },
      spec: {
        configPatches: [
          {
            applyTo: 'HTTP_FILTER',
            match: { context: 'SIDECAR_OUTBOUND', listener: { filterChain: { filter } } },
            patch: { operation: 'INSERT_BEFORE', value: { name: 'marks', typed_config: config } },
          },
        ],
      },
    }),
  );
  const answer = await lab.call('store');
  expect([arrival(answer).headers['x-there'], answer.headers['x-back']]).toEqual(['seen', 'seen']);
});

it.each([
  ['DENY', 500],
  ['ALLOW', 200],
])('when it is gone: %s', async (onFailure, status) => {
  service.close();
  await processBy(processor({ onFailure, timeout: '300ms' }));
  expect((await lab.call('store')).status).toBe(status);
});

it.each([
  ['DENY', 403],
  ['ALLOW', 200],
])('when there is no such service: %s', async (onFailure, status) => {
  await processBy(processor({ onFailure, service: 'nowhere' }));
  expect((await lab.call('store')).status).toBe(status);
  expect(lab.mesh.daemon.problems().map(({ code }) => code)).toContain('unknown-processor');
});
