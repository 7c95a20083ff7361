// The usual mesh of the traffic tests, in the namespace `lab`: apps of our own on loopback addresses, Services in front of
// them, and callers, Pods whose Envoys send for them. Which services there are is up to the test; VirtualServices and
// DestinationRules are what it writes into files.
import type { Address, Backend, TcpBackend } from './backend.ts';
import type { LiveMesh } from './live-mesh.ts';
import type { Answer, Call } from './traffic.ts';

import { stringify } from 'yaml';

import { freePort } from '../../scripts/ports.ts';
import { startHttp, startHttp2, startTcpEcho } from './backend.ts';
import { startLiveMesh } from './live-mesh.ts';
import { send } from './traffic.ts';

export const namespace = 'lab';

/** What speaks at a port, and how its port of the Service is called. */
export interface Port {
  readonly number: number;
  /** `http`, `tcp-echo`, `auto`, ...: tells the proxies the protocol. */
  readonly name: string;
  readonly app: 'http' | 'http2' | 'tcp';
}

export const http: Port = { number: 18080, name: 'http', app: 'http' };

export interface Workload {
  /** `<service>-<version>` */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Has an Envoy in front of it that receives for it. */
  readonly sidecar?: boolean;
}

export interface LabOptions {
  readonly workloads: readonly (string | Workload)[];
  readonly ports?: readonly Port[];
  /** Pods that send through Envoys. Default: `caller`. */
  readonly callers?: readonly string[];
  /** YAML by file name, beside the services and Pods. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of the callers' Sidecar objects, beside their listeners. */
  readonly sidecar?: object;
}

export interface Lab {
  readonly mesh: LiveMesh;
  /** The app of this workload at this port. */
  readonly app: (workload: string, port?: Port) => Backend;
  readonly tcpApp: (workload: string, port: Port) => TcpBackend;
  /** Where a caller's Envoy listens. */
  readonly egress: (port?: Port, caller?: string) => Address;
  /** Where others reach a workload: its app, or the Envoy in front of it. */
  readonly ingress: (workload: string, port?: Port) => Address;
  /** A call through the first caller's Envoy. */
  readonly call: (service: string, call?: Call, port?: Port) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

export async function startLab(options: LabOptions): Promise<Lab> {
  const { ports = [http], callers = ['caller'], files = {}, sidecar = {} } = options;
  const workloads = options.workloads.map((each) => placed(typeof each === 'string' ? { name: each } : each));
  const net = loopbackNet();
  const apps = new Map<string, Backend | TcpBackend>();
  const stopApps = async (): Promise<void> => {
    for (const app of apps.values()) await app.close();
  };
  const addressOf = (name: string): string => `${net}.${10 + workloads.findIndex((each) => each.name === name)}`;
  const callerAddress = (name: string): string => `${net}.${100 + callers.indexOf(name)}`;
  try {
    const objects = callers.flatMap((name) => [
      podObject(name, callerAddress(name), { app: name }),
      egressObject(name, callerAddress(name), ports, sidecar),
    ]);
    for (const workload of workloads) {
      const { name } = workload;
      const at = await Promise.all(ports.map((port) => appAddress(workload, addressOf(name), port)));
      for (const [index, port] of ports.entries())
        apps.set(`${name}:${port.number}`, await start[port.app](name, at[index] ?? { host: '', port: 0 }));
      objects.push(podObject(name, addressOf(name), workload.labels));
      if (workload.sidecar) objects.push(ingressObject(workload, addressOf(name), ports, at));
    }
    for (const service of new Set(workloads.map((each) => each.service))) objects.push(serviceObject(service, ports));
    const proxies = [...callers, ...workloads.filter((each) => each.sidecar).map(({ name }) => name)];
    const mesh = await startLiveMesh({
      files: { 'lab.yaml': yaml(...objects), ...files },
      proxies: proxies.map((name) => `${name}.${namespace}`),
    });
    const find = (name: string, port: Port) => apps.get(`${name}:${port.number}`);
    const egress = (port = http, caller = callers[0] ?? ''): Address => ({
      host: callerAddress(caller),
      port: port.number,
    });
    return {
      mesh,
      app: (name, port = http) => find(name, port) as Backend,
      tcpApp: (name, port) => find(name, port) as TcpBackend,
      egress,
      ingress: (name, port = http) => ({ host: addressOf(name), port: port.number }),
      call: (service, call = {}, port = http) =>
        send(egress(port), { ...call, headers: { host: service, ...call.headers } }),
      stop: async () => {
        await mesh.stop();
        await stopApps();
      },
    };
  } catch (error) {
    await stopApps();
    throw error;
  }
}

const start = { http: startHttp, http2: startHttp2, tcp: startTcpEcho };

/** Behind an Envoy an app has to listen on 127.0.0.1: a Sidecar object names no other address of an app. */
const appAddress = async ({ sidecar }: PlacedWorkload, host: string, port: Port): Promise<Address> =>
  sidecar ? { host: '127.0.0.1', port: await freePort() } : { host, port: port.number };

/** Nobody else's by all likelihood: files of tests run at the same time. */
const loopbackNet = (): string => `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}`;

interface PlacedWorkload {
  readonly name: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sidecar: boolean;
}

function placed({ name, labels = {}, sidecar = false }: Workload): PlacedWorkload {
  const [service = '', version = 'v1'] = name.split(/-(?=v\d+$)/);
  const mesh = sidecar ? { 'security.istio.io/tlsMode': 'istio' } : {};
  return { name, service, sidecar, labels: { app: service, version, ...mesh, ...labels } };
}

export const yaml = (...objects: readonly object[]): string =>
  objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');

const serviceObject = (name: string, ports: readonly Port[]): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: ports.map((port) => ({ name: port.name, port: port.number })) },
});

const podObject = (name: string, address: string, labels: Readonly<Record<string, string>>): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels, annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' } },
  spec: { serviceAccountName: labels['app'], containers: [{ name: 'app' }] },
  status: { podIP: address },
});

/** As a Service's port would be understood. */
const protocolOf = ({ name }: Port): string | undefined => {
  const [prefix = ''] = name.split('-');
  return { http: 'HTTP', http2: 'HTTP2', grpc: 'GRPC', tcp: 'TCP' }[prefix];
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

const egressObject = (name: string, bind: string, ports: readonly Port[], more: object): object =>
  sidecarObject(
    name,
    { app: name },
    {
      egress: ports.map((port) => ({ port: listenerPort(port), bind, captureMode: 'NONE', hosts: ['./*'] })),
      ...more,
    },
  );

function ingressObject(
  { name, labels }: PlacedWorkload,
  bind: string,
  ports: readonly Port[],
  apps: readonly Address[],
): object {
  const ingress = ports.map((port, index) => ({
    port: listenerPort(port),
    bind,
    captureMode: 'NONE',
    defaultEndpoint: `127.0.0.1:${apps[index]?.port}`,
  }));
  const { app = '', version = '' } = labels;
  return sidecarObject(name, { app, version }, { ingress, egress: [{ hosts: ['~/*'] }] });
}
