// The GatewayClasses that are always there, made once Gateway API is defined in the cluster. What somebody makes of them
// afterwards is left alone.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ResourceType } from '../kubernetes/resource.ts';
import { isAlreadyExists } from '../kubernetes/api-error.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { reconciler } from './reconciler.ts';
import { definitions, fieldManager } from './resources.ts';

export interface GatewayClassesOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'create'>;
  readonly signal: AbortSignal;
  readonly onFault: (gatewayClass: string, error: unknown) => void;
}

const resource: ResourceType = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  plural: 'gatewayclasses',
  namespaced: false,
};

const classes: Readonly<Record<string, { readonly controllerName: string; readonly description: string }>> = {
  istio: { controllerName: 'istio.io/gateway-controller', description: 'Gateways that are deployed in this cluster' },
  'istio-remote': { controllerName: 'istio.io/unmanaged-gateway', description: 'Gateways that run elsewhere' },
  'istio-waypoint': { controllerName: 'istio.io/mesh-controller', description: 'Waypoints of services' },
};

/** Until `signal` aborts. For one replica at a time. */
export function provideGatewayClasses({ client, signal, onFault }: GatewayClassesOptions): void {
  const work = reconciler({
    reconcile: async (name) => {
      const object = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', metadata: { name }, spec: classes[name] }; // prettier-ignore
      await client.create(resource, object, { fieldManager, signal }).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
      });
    },
    signal,
    onFault,
  });
  const provide = (count: number): void => {
    if (count > 0) work.add(Object.keys(classes));
  };
  void reflect<true>({
    client,
    resource: definitions,
    selection: { fieldSelector: 'metadata.name=gatewayclasses.gateway.networking.k8s.io' },
    metadataOnly: true,
    read: () => true,
    replace: (objects) => provide(objects.size),
    change: (changes) => provide(changes.filter(({ value }) => value === true).length),
    signal,
  });
}
