// One app behind an Envoy that decides who may come in, two apps of the mesh that call it, and whoever is outside: for
// tests of policies. All in the namespace `lab`, on loopback.
import type { FetchOptions } from '../../../src/watchers/jwks/jwks-fetch.ts';
import type { Backend, TcpBackend } from '../servers/backend.ts';
import type { CorpusRequest } from '../objects/corpus.ts';
import type { LiveMesh } from './live-mesh.ts';

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

import { freePort } from '../../../scripts/ports.ts';
import { meshConfigMap } from '../objects/mesh-config.ts';
import { startHttp, startTcpEcho } from '../servers/backend.ts';
import { yaml } from './lab.ts';
import { startLiveMesh } from './live-mesh.ts';

export const httpPort = 18080;
export const tcpPort = 18090;

/** An external authorizer, outside the mesh. */
export interface Outside {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'HTTP' | 'GRPC';
}

export interface GuardedApp {
  readonly mesh: LiveMesh;
  readonly app: Backend;
  readonly tcp: { readonly host: string; readonly port: number };
  /** The same through the proxy of `guard`. */
  readonly meshTcp: { readonly host: string; readonly port: number };
  /** Status and body. */
  readonly call: (call: CorpusRequest) => Promise<{ readonly status: number; readonly body: string }>;
  /** Replaces all policies. */
  readonly apply: (
    kind: 'AuthorizationPolicy' | 'RequestAuthentication' | 'PeerAuthentication',
    specs: readonly object[],
  ) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface GuardedAppOptions {
  /** MeshConfig. */
  readonly settings?: object;
  readonly outside?: readonly Outside[];
  /** How keys of token issuers are fetched. */
  readonly keys?: FetchOptions;
}

export async function startGuardedApp({
  settings = {},
  outside = [],
  keys,
}: GuardedAppOptions = {}): Promise<GuardedApp> {
  const net = `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}`;
  const gate = `${net}.10`;
  const callers = { guard: `${net}.100`, thief: `${net}.101` } as const;
  const [appPort, echoPort] = [await freePort(), await freePort()];
  const app = await startHttp('gate', { host: '127.0.0.1', port: appPort });
  const echo: TcpBackend = await startTcpEcho('gate', { host: '127.0.0.1', port: echoPort });
  const objects = [
    meshConfigMap(settings),
    service,
    oneRequestPerConnection,
    pod('gate', gate),
    gateSidecar(gate, appPort, echoPort, outside),
    ...Object.entries(callers).flatMap(([name, address]) => [pod(name, address), callerSidecar(name, address)]),
    ...outside.map(serviceEntry),
  ];
  const closeApps = async (): Promise<void> => {
    await app.close();
    await echo.close();
  };
  const mesh = await startLiveMesh({
    files: { 'lab.yaml': yaml(...objects) },
    proxies: ['gate.lab', 'guard.lab', 'thief.lab'],
    ...(keys !== undefined && { daemon: { keys } }),
  }).catch(async (error: unknown) => {
    await closeApps();
    throw error;
  });
  const written = new Map<string, string>();
  return {
    mesh,
    app,
    tcp: { host: gate, port: tcpPort },
    meshTcp: { host: callers.guard, port: tcpPort },
    call: ({ from = '127.0.0.1', ...call }) =>
      from === 'guard' || from === 'thief' ? send(callers[from], undefined, call) : send(gate, from, call),
    apply: async (kind, specs) => {
      const wanted = specs.length === 0 ? undefined : yaml(...specs.map((spec, i) => policy(kind, i, spec)));
      if (wanted === written.get(kind)) return;
      await mesh.change(`${kind}.yaml`, wanted);
      if (wanted === undefined) written.delete(kind);
      else written.set(kind, wanted);
    },
    stop: async () => {
      await mesh.stop();
      await closeApps();
    },
  };
}

/** Paths and headers go out as they are. */
async function send(
  host: string,
  localAddress: string | undefined,
  { path = '/', method = 'GET', host: authority = 'gate', headers = {} }: CorpusRequest,
): Promise<{ status: number; body: string }> {
  const outgoing = request({
    host,
    port: httpPort,
    path,
    method,
    headers: { ...(headers as Record<string, string | string[]>), host: authority },
    agent: false,
    timeout: 15_000,
    ...(localAddress !== undefined && { localAddress }),
  });
  outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)));
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

const metadata = (name: string): object => ({ name, namespace: 'lab' });

const policy = (kind: string, i: number, spec: object): object => ({
  apiVersion: 'security.istio.io/v1',
  kind,
  metadata: metadata(`p${i}`),
  spec: { selector: { matchLabels: { app: 'gate' } }, ...spec },
});

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('gate'),
  spec: {
    selector: { app: 'gate' },
    ports: [
      { name: 'http', port: httpPort },
      { name: 'tcp-echo', port: tcpPort },
    ],
  },
};

/** Connections that are there already keep the policies they were accepted under until they are drained. */
const oneRequestPerConnection = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: metadata('gate'),
  spec: {
    host: 'gate.lab.svc.cluster.local',
    trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } },
  },
};

const pod = (name: string, podIP: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata(name),
    labels: { app: name, 'security.istio.io/tlsMode': 'istio' },
    annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' },
  },
  spec: { serviceAccountName: name, containers: [{ name: 'app' }] },
  status: { podIP },
});

const sidecar = (name: string, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  metadata: metadata(name),
  spec: { workloadSelector: { labels: { app: name } }, ...spec },
});

const listener = (bind: string, number: number, protocol: string, more: object): object => ({
  port: { number, protocol, name: `${protocol.toLowerCase()}-${number}` },
  bind,
  captureMode: 'NONE',
  ...more,
});

const gateSidecar = (address: string, appPort: number, echoPort: number, outside: readonly Outside[]): object =>
  sidecar('gate', {
    ingress: [
      listener(address, httpPort, 'HTTP', { defaultEndpoint: `127.0.0.1:${appPort}` }),
      listener(address, tcpPort, 'TCP', { defaultEndpoint: `127.0.0.1:${echoPort}` }),
    ],
    egress:
      outside.length === 0
        ? [{ hosts: ['~/*'] }]
        : outside.map(({ port, protocol, host }) => listener(address, port, protocol, { hosts: [`./${host}`] })),
  });

function callerSidecar(name: string, address: string): object {
  const hosts = ['./gate.lab.svc.cluster.local'];
  return sidecar(name, {
    egress: [listener(address, httpPort, 'HTTP', { hosts }), listener(address, tcpPort, 'TCP', { hosts })],
  });
}

const serviceEntry = ({ host, port, protocol }: Outside): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: metadata(host.replaceAll('.', '-')),
  spec: {
    hosts: [host],
    location: 'MESH_EXTERNAL',
    resolution: 'STATIC',
    ports: [{ number: port, name: protocol.toLowerCase(), protocol }],
    endpoints: [{ address: '127.0.0.1' }],
  },
});
