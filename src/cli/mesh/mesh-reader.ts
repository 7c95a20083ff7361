// The mesh that a command looks at: files as they would be in force, or what a running daemon has sent. Either way the
// resources of a proxy, decoded and with the causes of their fields.
import { readFile } from 'node:fs/promises';

import { installation } from '../../daemon/mesh/installation.ts';
import { decodedConfiguration } from '../../inspect/decoded.ts';
import { proxyProblems } from '../../inspect/proxy-problems.ts';
import type { MeshProxy, MeshReader } from '../../inspect/mesh-reader.ts';
import { decodedKinds } from '../../model/envoy/decoded.ts';
import type { Problem } from '../../model/problem.ts';
import type { PatchPlaces } from '../../model/envoy/patch-places.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { translate } from '../../translate/translate.ts';
import { UsageError } from '../io.ts';
import { nodeOfPod } from './node-of-pod.ts';
import { loadFiles, nodeOfProxy } from './offline.ts';

/** Options that `openMesh` understands, for parseArgs. */
export const meshOptions = {
  config: { type: 'string', multiple: true },
  server: { type: 'string' },
  'token-file': { type: 'string' },
} as const;

export const meshOptionsHelp = `  --config PATH      a YAML file or a directory of them; may be repeated
  --server URL       a running daemon's monitoring port instead, such as http://127.0.0.1:15014
  --token-file FILE  the token to show it; not needed on its own machine`;

export interface MeshOptions {
  readonly config?: readonly string[] | undefined;
  readonly server?: string | undefined;
  readonly 'token-file'?: string | undefined;
}

/** Throws a UsageError when neither or both are given, and when the server does not answer. */
export async function openMesh(options: MeshOptions): Promise<MeshReader> {
  const { config, server } = options;
  if ((config === undefined) === (server === undefined)) throw new UsageError('give either --config or --server');
  if (config !== undefined) {
    const { snapshot, problems } = await loadFiles(config);
    return filesReader(snapshot, problems);
  }
  return serverReader(debugClient(server ?? '', await tokenOf(options['token-file'])));
}

export interface FilesReader extends MeshReader {
  /** For a proxy as it describes itself, whether the files have its Pod or not. */
  readNode(node: NodeInfo): ReturnType<MeshReader['read']>;
}

export function filesReader(snapshot: Snapshot, problems: readonly Problem[] = []): FilesReader {
  const translation = translate(snapshot, installation());
  const { settings, services } = translation.mesh;
  const readNode: FilesReader['readNode'] = (node) => {
    const configuration = translation.configuration(node);
    if (configuration === undefined) throw new UsageError(`'${proxyOfNode(node).name}' is not a proxy`);
    return Promise.resolve({ node, resources: decodedConfiguration(configuration) });
  };
  const pods = [...snapshot.objects.Pod.values()].flatMap((pod) => {
    const node = hasProxy(pod.metadata.labels, pod.metadata.annotations) ? nodeOfPod(pod, snapshot) : undefined;
    return node === undefined ? [] : [proxyOfNode(node)];
  });
  return {
    trustDomain: settings.trustDomain,
    services: services.map(({ hostname, namespace, addresses }) => ({
      hostname,
      namespace,
      address: addresses[0] ?? '',
    })),
    proxies: pods,
    problems: [...problems, ...translation.problems],
    conflicts: (proxy) => Promise.resolve(proxyProblems(translation, nodeOfProxy(proxy, snapshot), Date.now())),
    objectProblems: (proxy, { kind, name }) => {
      const [namespace = '', own = ''] = name.split('/');
      return Promise.resolve(translation.objectProblems(nodeOfProxy(proxy, snapshot), { kind, namespace, name: own }));
    },
    hostProblems: (proxy, host) => Promise.resolve(translation.hostProblems(nodeOfProxy(proxy, snapshot), host)),
    patchPlaces: (proxy) => Promise.resolve(translation.patchPlaces(nodeOfProxy(proxy, snapshot))),
    liveSince: () => Promise.resolve(new Map()),
    read: (proxy) => readNode(nodeOfProxy(proxy, snapshot)),
    readNode,
  };
}

const hasProxy = (labels: Readonly<Record<string, string>>, annotations: Readonly<Record<string, string>>): boolean =>
  labels['security.istio.io/tlsMode'] === 'istio' || annotations['sidecar.istio.io/status'] !== undefined;

function proxyOfNode({ id }: Pick<NodeInfo, 'id'>): MeshProxy {
  const [, address = '', name = ''] = id.split('~');
  return { name, address };
}

/** A debug page, parsed. */
export type Ask = (page: string) => Promise<unknown>;

/** Longest time that a daemon may take to answer, in milliseconds. */
const patience = 30_000;

export function debugClient(server: string, token: string | undefined): Ask {
  const base = /^https?:\/\//.test(server) ? server : `http://${server}`;
  return async (page) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const url = `${base.replace(/\/$/, '')}/debug/${page}`;
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(patience) }).catch((error: Error) => {
      throw new UsageError(
        `${base} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`,
      );
    });
    const text = await answer.text();
    if (!answer.ok) throw new UsageError(`${base}: ${text.trim() || answer.status}`);
    return JSON.parse(text);
  };
}

/** What the console's interface answers to a question that has a body. */
export async function postToConsole(
  server: string,
  token: string | undefined,
  name: string,
  body: object,
): Promise<unknown> {
  const base = /^https?:\/\//.test(server) ? server : `http://${server}`;
  const answer = await fetch(`${base.replace(/\/$/, '')}/console/api/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  }).catch((error: Error) => {
    throw new UsageError(`${base} does not answer: ${error.message}`);
  });
  const told = (await answer.json()) as { readonly refused?: string };
  if (!answer.ok || told.refused !== undefined) throw new UsageError(`${base}: ${told.refused ?? answer.status}`);
  return told;
}

export const tokenOf = async (file: string | undefined): Promise<string | undefined> =>
  file === undefined
    ? undefined
    : (
        await readFile(file, 'utf8').catch((error: Error) => {
          throw new UsageError(`cannot read the token: ${error.message}`);
        })
      ).trim();

interface ShownService {
  readonly hostname: string;
  readonly defaultAddress: string;
  readonly Attributes: { readonly Namespace: string };
}

interface ShownSync {
  readonly proxy: string;
  readonly resources?: Readonly<Record<string, { readonly ackedTime?: string }>>;
}

async function serverReader(ask: Ask): Promise<MeshReader> {
  const [mesh, services, streams, problems] = await Promise.all(['mesh', 'registryz', 'adsz', 'problems'].map(ask));
  const { clients } = streams as { readonly clients: readonly { readonly nodeId: string }[] };
  return {
    trustDomain: (mesh as { readonly trustDomain: string }).trustDomain,
    services: (services as readonly ShownService[]).map(({ hostname, defaultAddress, Attributes }) => ({
      hostname,
      namespace: Attributes.Namespace,
      address: defaultAddress === '0.0.0.0' ? '' : defaultAddress,
    })),
    problems: problems as readonly Problem[],
    conflicts: async (proxy) => (await ask(`conflicts?proxyID=${encodeURIComponent(proxy)}`)) as readonly Problem[],
    objectProblems: async (proxy, { kind, name }) => {
      const query = new URLSearchParams({ proxyID: proxy, kind, name });
      return (await ask(`object?${query.toString()}`)) as readonly Problem[];
    },
    patchPlaces: async (proxy) => (await ask(`patches?proxyID=${encodeURIComponent(proxy)}`)) as readonly PatchPlaces[],
    hostProblems: async (proxy, host) =>
      (await ask(`host?proxyID=${encodeURIComponent(proxy)}&host=${encodeURIComponent(host)}`)) as readonly Problem[],
    liveSince: async (proxy) => {
      const all = (await ask(
        `syncz?replicas=all&namespace=${proxy.slice(proxy.lastIndexOf('.') + 1)}`,
      )) as readonly ShownSync[];
      const { resources = {} } = all.find((each) => each.proxy === proxy) ?? {};
      return new Map(
        decodedKinds.flatMap((kind) => {
          const time = resources[resourceTypes[kind]]?.ackedTime;
          return time === undefined ? [] : [[kind, time] as const];
        }),
      );
    },
    proxies: clients.map(({ nodeId }) => proxyOfNode({ id: nodeId })),
    read: async (proxy) =>
      (await ask(`resources?proxyID=${encodeURIComponent(proxy)}`)) as Awaited<ReturnType<MeshReader['read']>>,
  };
}
