// The usual mesh of the traffic tests, in the namespace `lab`: apps of our own on loopback addresses, Services in front of
// them, and a caller, a Pod whose Envoy sends for it. Which services there are is up to the test; VirtualServices and
// DestinationRules are what it writes into files.
import type { Address, Backend, TcpBackend } from '../servers/backend.ts';
import type { GrpcBackend } from '../servers/grpc.ts';
import type { LiveMesh, LiveMeshOptions } from './live-mesh.ts';
import type { Answer, Call } from './traffic.ts';

import { stringify } from 'yaml';

import { freePort } from '../../../scripts/ports.ts';
import { startEither, startGreeting, startHttp, startHttp2, startTcpEcho } from '../servers/backend.ts';
import { startGrpc } from '../servers/grpc.ts';
import { startLiveMesh } from './live-mesh.ts';
import { send } from './traffic.ts';

export const namespace = 'lab';

/** What speaks at a port, and how its port of the Service is called. */
export interface Port {
  readonly number: number;
  /** `http`, `tcp-echo`, `auto`, ...: tells the proxies the protocol. */
  readonly name: string;
  readonly app: 'http' | 'http2' | 'grpc' | 'tcp' | 'either' | 'greeting';
}

export const http: Port = { number: 18080, name: 'http', app: 'http' };

export interface Workload {
  /** `<service>-<version>` */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Has an Envoy in front of it that receives for it. */
  readonly sidecar?: boolean;
  /** Hosts that this Envoy knows; without them none. */
  readonly sees?: readonly string[];
}

export interface PodMetadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface LabOptions {
  readonly workloads: readonly (string | Workload)[];
  readonly ports?: readonly Port[];
  /** YAML by file name, beside the services and Pods. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of the caller's Sidecar object, beside its listeners. */
  readonly sidecar?: object;
  /** Hosts that the caller's listeners let through; those of its namespace if left out. */
  readonly reaches?: readonly string[];
  /** Further proxies, `pod.namespace`, whose Pods are in the files. */
  readonly proxies?: readonly string[];
  /** Of the caller's Pod. */
  readonly caller?: PodMetadata;
  /** Where a proxy finds xDS; see LiveMeshOptions. */
  readonly through?: LiveMeshOptions['through'];
  /** Of a proxy's environment; see LiveMeshOptions. */
  readonly variables?: LiveMeshOptions['variables'];
  /** Of the daemon. */
  readonly daemon?: LiveMeshOptions['daemon'];
}

export interface Lab {
  readonly mesh: LiveMesh;
  /** The app of this workload at this port. */
  readonly app: (workload: string, port?: Port) => Backend;
  readonly tcpApp: (workload: string, port: Port) => TcpBackend;
  /** Where the caller's Envoy listens. */
  readonly egress: (port?: Port) => Address;
  /** Where others reach a workload: its app, or the Envoy in front of it. */
  readonly ingress: (workload: string, port?: Port) => Address;
  /** A call through the caller's Envoy. */
  readonly call: (service: string, call?: Call, port?: Port) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

const caller = 'caller';

export async function startLab(options: LabOptions): Promise<Lab> {
  const { ports = [http], files = {}, sidecar = {} } = options;
  const net = loopbackNet();
  const workloads = await Promise.all(
    options.workloads.map((each, index) => placed(each, `${net}.${10 + index}`, ports)),
  );
  const callerAddress = `${net}.100`;
  const apps = await startApps(workloads, ports);
  const objects = [
    podObject(caller, callerAddress, { ...options.caller, labels: { app: caller, ...options.caller?.labels } }),
    egressObject(callerAddress, ports, sidecar, options.reaches ?? ['./*']),
    ...[...new Set(workloads.map(({ service }) => service))].map((service) => serviceObject(service, ports)),
    ...workloads.map(({ name, address, labels }) => podObject(name, address, { labels })),
    ...workloads.filter((each) => each.sidecar).map((each) => ingressObject(each, ports)),
  ];
  const proxies = [caller, ...workloads.filter((each) => each.sidecar).map(({ name }) => name)];
  const mesh = await startLiveMesh({
    files: { 'lab.yaml': yaml(...objects), ...files },
    proxies: [...proxies.map((name) => `${name}.${namespace}`), ...(options.proxies ?? [])],
    ...(options.through !== undefined && { through: options.through }),
    ...(options.variables !== undefined && { variables: options.variables }),
    ...(options.daemon !== undefined && { daemon: options.daemon }),
  }).catch(async (error: unknown) => {
    await apps.stop();
    throw error;
  });
  const egress = (port = http): Address => ({ host: callerAddress, port: port.number });
  const addressOf = (name: string): string => workloads.find((each) => each.name === name)?.address ?? '';
  return {
    mesh,
    app: (name, port = http) => apps.find(name, port) as Backend,
    tcpApp: (name, port) => apps.find(name, port) as TcpBackend,
    egress,
    ingress: (name, port = http) => ({ host: addressOf(name), port: port.number }),
    call: (service, call = {}, port = http) =>
      send(egress(port), { ...call, headers: { host: service, ...call.headers } }),
    stop: async () => {
      await mesh.stop();
      await apps.stop();
    },
  };
}

/** Nobody else's by all likelihood: files of tests run at the same time. */
const loopbackNet = (): string => `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}`;

interface PlacedWorkload {
  readonly name: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sidecar: boolean;
  readonly sees: readonly string[];
  /** The Pod's. */
  readonly address: string;
  /** Where its app is, for each of the ports. */
  readonly apps: readonly Address[];
}

async function placed(each: string | Workload, host: string, ports: readonly Port[]): Promise<PlacedWorkload> {
  const { name, labels = {}, sidecar = false, sees = ['~/*'] } = typeof each === 'string' ? { name: each } : each;
  const [service = '', version = 'v1'] = name.split(/-(?=v\d+$)/);
  const mesh = sidecar ? { 'security.istio.io/tlsMode': 'istio' } : {};
  // Behind an Envoy an app has to listen on 127.0.0.1: a Sidecar object names no other address of an app.
  const appAt = async ({ number }: Port): Promise<Address> =>
    sidecar ? { host: '127.0.0.1', port: await freePort() } : { host, port: number };
  const apps = await Promise.all(ports.map(appAt));
  return { name, service, sidecar, sees, labels: { app: service, version, ...mesh, ...labels }, address: host, apps };
}

const start = {
  http: startHttp,
  http2: startHttp2,
  grpc: startGrpc,
  tcp: startTcpEcho,
  either: startEither,
  greeting: startGreeting,
};

async function startApps(workloads: readonly PlacedWorkload[], ports: readonly Port[]) {
  const apps = new Map<string, Backend | TcpBackend | GrpcBackend>();
  const stop = async (): Promise<void> => {
    for (const app of apps.values()) await app.close();
  };
  const key = (name: string, port: Port): string => `${name}:${port.number}`;
  try {
    for (const { name, apps: addresses } of workloads)
      for (const [index, at] of addresses.entries()) {
        const port = ports[index] ?? http;
        apps.set(key(name, port), await start[port.app](name, at));
      }
  } catch (error) {
    await stop();
    throw error;
  }
  return { find: (name: string, port: Port) => apps.get(key(name, port)), stop };
}

export const yaml = (...objects: readonly object[]): string =>
  objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');

const serviceObject = (name: string, ports: readonly Port[]): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: ports.map((port) => ({ name: port.name, port: port.number })) },
});

const podObject = (name: string, address: string, { labels = {}, annotations = {} }: PodMetadata): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels, annotations: { 'sidecar.istio.io/interceptionMode': 'NONE', ...annotations } },
  spec: { serviceAccountName: labels['app'], containers: [{ name: 'app' }] },
  status: { podIP: address },
});

/** As a Service's port would be understood. */
const protocolOf = ({ name }: Port): string | undefined => {
  const [prefix = ''] = name.split('-');
  return { http: 'HTTP', http2: 'HTTP2', grpc: 'GRPC', tcp: 'TCP', tls: 'TLS', mysql: 'MySQL' }[prefix];
};

const listenerPort = (port: Port): object => {
  const protocol = protocolOf(port);
  return { number: port.number, name: port.name, ...(protocol !== undefined && { protocol }) };
};

const sidecarObject = (name: string, selector: Readonly<Record<string, string>>, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  metadata: { name, namespace },
  spec: { workloadSelector: { labels: selector }, ...spec },
});

const egressObject = (bind: string, ports: readonly Port[], more: object, hosts: readonly string[]): object =>
  sidecarObject(
    caller,
    { app: caller },
    {
      egress: ports.map((port) => ({ port: listenerPort(port), bind, captureMode: 'NONE', hosts })),
      ...more,
    },
  );

function ingressObject({ name, labels, address, apps, sees }: PlacedWorkload, ports: readonly Port[]): object {
  const ingress = ports.map((port, index) => ({
    port: listenerPort(port),
    bind: address,
    captureMode: 'NONE',
    defaultEndpoint: `127.0.0.1:${apps[index]?.port}`,
  }));
  const { app = '', version = '' } = labels;
  return sidecarObject(name, { app, version }, { ingress, egress: [{ hosts: sees }] });
}
