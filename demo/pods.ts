// The Pods of the book shop. Nothing is intercepted here, so that neither root nor containers are needed: the app of
// Pod N listens on a port of 127.0.0.1; its proxy receives for it on 127.0.1.N and sends for it on 127.0.2.N.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import { stringify } from 'yaml';

export const namespace = 'bookshop';

export type ServiceName = 'front' | 'details' | 'ratings' | 'reviews' | 'store';

export interface Pod {
  readonly name: string;
  readonly service: ServiceName;
  readonly version: string;
  /** Where others reach it: its proxy. */
  readonly address: string;
  /** Where it reaches others: its proxy too. */
  readonly egress: string;
  readonly appPort: number;
  readonly adminPort: number;
}

const workloads: readonly (readonly [ServiceName, string])[] = [
  ['front', 'v1'],
  ['details', 'v1'],
  ['ratings', 'v1'],
  ['reviews', 'v1'],
  ['reviews', 'v2'],
  ['reviews', 'v3'],
  ['store', 'v1'],
  ['store', 'v2'],
];

/** `nextPort` gives a port that is free on 127.0.0.1, another one each time. */
export async function bookshopPods(nextPort: () => Promise<number>): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  for (const [index, [service, version]] of workloads.entries()) {
    pods.push({
      name: `${service}-${version}`,
      service,
      version,
      address: `127.0.1.${index + 1}`,
      egress: `127.0.2.${index + 1}`,
      appPort: await nextPort(),
      adminPort: await nextPort(),
    });
  }
  return pods;
}

/** A service outside the shop that proxies send to. */
export interface OuterService {
  readonly host: string;
  readonly port: number;
}

/** The file pods.yaml: a Pod and the Sidecar that tells its proxy where to listen, for each. */
export function podsFile(pods: readonly Pod[], meshPort: number, outer: readonly OuterService[] = []): string {
  const documents = pods.flatMap((pod) => [podObject(pod), sidecarObject(pod, meshPort, outer)]);
  return [
    '# Written by the demo: what a cluster would know by itself.\n',
    ...documents.map((object) => stringify(object, { aliasDuplicateObjects: false })),
  ].join('---\n');
}

const labels = ({ service, version }: Pod) => ({ app: service, version, 'security.istio.io/tlsMode': 'istio' });

const podObject = (pod: Pod): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: pod.name,
    namespace,
    labels: labels(pod),
    annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' },
  },
  spec: { serviceAccountName: pod.service, containers: [{ name: 'app' }] },
  status: { podIP: pod.address },
});

function sidecarObject(pod: Pod, meshPort: number, outer: readonly OuterService[]): object {
  const port = { number: meshPort, protocol: 'HTTP', name: 'http' };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name: pod.name, namespace },
    spec: {
      workloadSelector: { labels: { app: pod.service, version: pod.version } },
      ingress: [{ port, bind: pod.address, captureMode: 'NONE', defaultEndpoint: `127.0.0.1:${pod.appPort}` }],
      egress: [
        { port, bind: pod.egress, captureMode: 'NONE', hosts: ['./*'] },
        ...outer.map(({ host, port: number }) => ({
          port: { number, protocol: 'TCP', name: 'tcp' },
          bind: pod.egress,
          captureMode: 'NONE',
          hosts: [`./${host}`],
        })),
      ],
    },
  };
}
