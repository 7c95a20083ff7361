// The book shop as objects of Kubernetes: a Service for each app, a Deployment for each version, and somebody who buys there.
import { images } from '../../scripts/cluster/images.ts';

type KubernetesObject = Readonly<Record<string, unknown>>;

export const namespace = 'shop';
const port = 9080;
const services = ['front', 'details', 'ratings', 'reviews', 'store'] as const;
export const deployments = [
  ['front', 'v1'],
  ['details', 'v1'],
  ['ratings', 'v1'],
  ['reviews', 'v1'],
  ['reviews', 'v2'],
  ['store', 'v1'],
] as const;

/** The URLs that the load calls: every service by itself, and the page that needs them all. */
export const urls = services.map((service) => `http://${service}:${port}/${service === 'front' ? '' : service}`);

/** A namespace whose Pods get sidecars, and the shop in it. */
export const shop = (): readonly KubernetesObject[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
  ...services.map(service),
  ...deployments.map(([app, version]) => deployment(app, version)),
  buyer(namespace),
];

const service = (app: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: app, namespace },
  spec: { selector: { app }, ports: [{ name: 'http', port }] },
});

/** One of each kind of probe between them, none of which is in a hurry: nothing is wrong with who waits for a processor. */
function deployment(app: string, version: string): KubernetesObject {
  const patient = { periodSeconds: 2, timeoutSeconds: 30, failureThreshold: 10 };
  const answers = { httpGet: { path: '/healthz', port }, ...patient };
  return object('apps/v1', 'Deployment', `${app}-${version}`, namespace, {
    selector: { matchLabels: { app, version } },
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: { labels: { app, version } },
      spec: {
        containers: [
          {
            ...container(['test/cluster/apps/serve.ts', app, version]),
            ports: [{ containerPort: port }],
            startupProbe: { ...answers, periodSeconds: 1, failureThreshold: 600 },
            readinessProbe: answers,
            livenessProbe: { tcpSocket: { port }, ...patient },
          },
        ],
      },
    },
  });
}

/** A Pod that does nothing by itself: requests are made in it. */
export const buyer = (where: string): KubernetesObject =>
  object('apps/v1', 'Deployment', 'buyer', where, {
    selector: { matchLabels: { app: 'buyer' } },
    template: {
      metadata: { labels: { app: 'buyer' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container(['--eval', 'setInterval(() => {}, 1e6)'])] },
    },
  });

/** Sidecars beside a program that only runs: as many as a change is to reach. */
export const crowd = (replicas: number): KubernetesObject =>
  object('apps/v1', 'Deployment', 'crowd', namespace, {
    replicas,
    selector: { matchLabels: { app: 'crowd' } },
    template: {
      metadata: { labels: { app: 'crowd' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'app', image: images.idle, imagePullPolicy: 'Never' }],
      },
    },
  });

/** Asks for the front page once, and is done. */
export const job = (): KubernetesObject =>
  object('batch/v1', 'Job', 'visit', namespace, {
    backoffLimit: 0,
    template: {
      spec: {
        restartPolicy: 'Never',
        containers: [
          container(['--eval', `fetch('${urls[0]}').then((answer) => process.exit(answer.status === 200 ? 0 : 1))`]),
        ],
      },
    },
  });

/** Nine of ten requests for reviews go to v1. */
export const canary = (stable: number): readonly KubernetesObject[] => [
  object('networking.istio.io/v1', 'DestinationRule', 'reviews', namespace, {
    host: 'reviews',
    subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
  }),
  object('networking.istio.io/v1', 'VirtualService', 'reviews', namespace, {
    hosts: ['reviews'],
    http: [
      {
        route: [
          { destination: { host: 'reviews', subset: 'v1' }, weight: stable },
          { destination: { host: 'reviews', subset: 'v2' }, weight: 100 - stable },
        ],
      },
    ],
  }),
];

export const strict = (): KubernetesObject =>
  object('security.istio.io/v1', 'PeerAuthentication', 'default', namespace, { mtls: { mode: 'STRICT' } });

const object = (apiVersion: string, kind: string, name: string, where: string, spec: object): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: where },
  spec,
});

const container = (args: readonly string[]): KubernetesObject => ({
  name: 'app',
  image: images.shop,
  imagePullPolicy: 'Never',
  args,
});
