// What Gateways need, in a real API server: applied as planned, mended when somebody breaks it, changed with the plan.
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { provideGatewayClasses } from '../../src/controllers/gateway-classes.ts';
import { deployments, definitions, services } from '../../src/controllers/resources.ts';
import { gatewayDuties } from '../../src/daemon/cluster/gateway-duties.ts';
import { isNotFound } from '../../src/kubernetes/api-error.ts';
import type { KubernetesObject, ResourceType } from '../../src/kubernetes/resource.ts';
import type { DeploymentPlan } from '../../src/translate/resolve/gateway-api/deployment/plan.ts';
import type { TestKubernetes } from '../support/kubernetes/kubernetes.ts';
import { kubernetesMissing, startKubernetes, unlessKubernetes } from '../support/kubernetes/kubernetes.ts';

const labels = { 'gateway.istio.io/managed': 'istio.io-gateway-controller', 'gateway.networking.k8s.io/gateway-name': 'quay' }; // prettier-ignore
const metadata = { name: 'quay-istio', namespace: 'default', labels, annotations: {} };
const selector = { app: 'quay' };

const plan = (port: number, overlay: Readonly<Record<string, string>> = {}): DeploymentPlan => ({
  gateway: 'default/quay',
  objects: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        selector: { matchLabels: selector },
        template: { metadata: { labels: selector }, spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector,
        ports: [
          { name: 'status-port', port: 15021 },
          { name: `web-${port}`, port },
        ],
      },
    },
  ],
  overlays: [overlay],
});

interface Asked extends KubernetesObject {
  readonly spec: {
    readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
    readonly replicas?: number;
    readonly controllerName?: string;
  };
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

describe.skipIf(kubernetesMissing)(`what Gateways need${unlessKubernetes}`, () => {
  let kubernetes: TestKubernetes;
  const stopping = new AbortController();
  beforeAll(async () => void (kubernetes = await startKubernetes()), 120_000);
  afterAll(async () => {
    stopping.abort();
    await kubernetes?.stop();
  });

  const look = (resource: ResourceType, name: string, namespace?: string): Promise<Asked | undefined> =>
    kubernetes.client
      .get<Asked>(resource, { name, ...(namespace !== undefined && { namespace }) })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
        return undefined;
      });
  const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
    for (let attempt = 0; attempt < 400 && !(await holds()); attempt++) await delay(25);
    expect(await holds()).toBe(true);
  };
  const service = () => look(services, 'quay-istio', 'default');
  const deployment = () => look(deployments, 'quay-istio', 'default');
  const ports = async () => (await service())?.spec.ports?.map(({ port }) => port).join();

  it('is applied, follows the plan, and comes back', async () => {
    const duties = gatewayDuties(kubernetes.client, stopping.signal, silent);
    duties.update([plan(80)]);
    await eventually(async () => (await ports()) === '15021,80');
    expect((await deployment())?.spec.replicas).toBe(1);
    // A port that is not planned any more goes; a patch is laid over, whatever else there is in it.
    const overlay = { deployment: 'spec: {replicas: 3}\nmetadata: {name: other}', service: '[nonsense' };
    duties.update([plan(8080, overlay)]);
    await eventually(async () => (await ports()) === '15021,8080' && (await deployment())?.spec.replicas === 3);
    await kubernetes.client.delete(deployments, { name: 'quay-istio', namespace: 'default' });
    await kubernetes.client.delete(services, { name: 'quay-istio', namespace: 'default' });
    await eventually(async () => (await deployment())?.spec.replicas === 3 && (await ports()) === '15021,8080');
  });

  it('has classes as soon as they are defined', async () => {
    provideGatewayClasses({ client: kubernetes.client, signal: stopping.signal, onFault: () => {} });
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await kubernetes.client.create(definitions, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: {
        name: 'gatewayclasses.gateway.networking.k8s.io',
        annotations: { 'api-approved.kubernetes.io': 'https://example.com' },
      },
      spec: {
        group: 'gateway.networking.k8s.io',
        scope: 'Cluster',
        names: { plural: 'gatewayclasses', kind: 'GatewayClass', singular: 'gatewayclass' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const classes: ResourceType = { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'gatewayclasses', namespaced: false }; // prettier-ignore
    await eventually(async () => (await look(classes, 'istio-remote')) !== undefined);
    expect((await look(classes, 'istio'))?.spec.controllerName).toBe('istio.io/gateway-controller');
  });
});
