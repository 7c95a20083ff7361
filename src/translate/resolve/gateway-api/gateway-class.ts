// Which Gateways are ours: by the controller that their class names, or by the names of the classes that need no object.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewayclass
import type { KindMap } from '../../../model/schema/index.ts';
import { objectKey } from '../../../model/object.ts';

/** What becomes of a Gateway: it takes traffic in, it is the waypoint of services, or it runs elsewhere. */
export interface GatewayClass {
  readonly kind: 'gateway' | 'waypoint' | 'east-west' | 'remote';
  /** Whether what is deployed for a Gateway is called like it, or `<gateway>-<class>`. */
  readonly suffix: boolean;
  readonly listenerSets: boolean;
  /** What addresses of its Service are worth telling when nothing outside the cluster reaches it. */
  readonly addresses: 'hostnames' | 'all';
}

export const gatewayController = 'istio.io/gateway-controller';
export const meshController = 'istio.io/mesh-controller';

const classes: Readonly<Record<string, GatewayClass>> = {
  [gatewayController]: { kind: 'gateway', suffix: true, listenerSets: true, addresses: 'hostnames' },
  'istio.io/unmanaged-gateway': { kind: 'remote', suffix: true, listenerSets: false, addresses: 'hostnames' },
  [meshController]: { kind: 'waypoint', suffix: false, listenerSets: false, addresses: 'all' },
  'istio.io/eastwest-controller': { kind: 'east-west', suffix: false, listenerSets: false, addresses: 'all' },
};

const builtIn: Readonly<Record<string, string>> = {
  istio: gatewayController,
  'istio-remote': 'istio.io/unmanaged-gateway',
  'istio-waypoint': meshController,
  'istio-east-west': 'istio.io/eastwest-controller',
};

const own = <T>(record: Readonly<Record<string, T>>, key: string | undefined): T | undefined =>
  key !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;

export const classOfController = (controller: string): GatewayClass | undefined => own(classes, controller);

/** Undefined: the class is another controller's, or nobody's. */
export const gatewayClass = (
  objects: ReadonlyMap<string, KindMap['GatewayClass']>,
  name: string,
): GatewayClass | undefined =>
  own(classes, objects.get(objectKey('', name))?.spec.controllerName ?? own(builtIn, name));
