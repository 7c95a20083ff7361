// What objects of Istio's kinds name and what is not there: a warning for each field, with what would be right.
// https://istio.io/latest/docs/reference/config/analysis/ist0101/
import { memo } from '../../../model/memo.ts';
import type { Mesh } from '../../../model/mesh/mesh.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import { at } from '../../../model/source.ts';
import type { Fault } from './known-hosts.ts';
import { knownHosts } from './known-hosts.ts';
import { accountFaults, targetFaults } from './objects.ts';
import type { TargetObjects } from './objects.ts';
import { authorizerFaults, telemetryFaults } from './providers.ts';
import { destinationRuleFaults, knownGateways, sidecarFaults, virtualServiceFaults } from './routing.ts';
import { extensionKeyFaults, gatewayKeyFaults, pluginKeyFaults } from './secrets.ts';

/** Each kind is looked at again only when its objects change, or what they may name. Namespaces that are not selected have no mesh. */
export function unresolvedReferences(
  mesh: Mesh,
  objects: SnapshotObjects,
  isSelected: (namespace: string) => boolean,
): readonly Problem[] {
  const { settings } = mesh;
  const hosts = knownHosts(mesh);
  const secrets = secretNames(objects.Secret);
  const targets = targetObjects(
    objects.KubernetesGateway,
    objects.GatewayClass,
    objects.HTTPRoute,
    objects.Service,
    objects.ServiceEntry,
    objects.VirtualService,
  );
  return [
    ...inVirtualServices(isSelected, objects.VirtualService, hosts, knownGateways(mesh.gateways)),
    ...inDestinationRules(isSelected, objects.DestinationRule, hosts, secrets),
    ...inSidecars(isSelected, objects.Sidecar, hosts, routedHosts(mesh.virtualServices)),
    ...inGateways(isSelected, objects.Gateway, secrets),
    ...inAuthorizations(isSelected, objects.AuthorizationPolicy, settings),
    ...inTelemetries(isSelected, objects.Telemetry, settings),
    ...inPlugins(isSelected, objects.WasmPlugin, secrets),
    ...inExtensions(isSelected, objects.TrafficExtension, secrets),
    ...inGroups(isSelected, objects.WorkloadGroup, objects.ServiceAccount),
    ...inEntries(isSelected, objects.WorkloadEntry, objects.ServiceAccount),
    ...targeting.flatMap((kind) => inTargets(isSelected, objects[kind], targets)),
  ];
}

/** The kinds that say by `targetRefs` what they are for. */
const targeting = [
  'AuthorizationPolicy',
  'RequestAuthentication',
  'Telemetry',
  'WasmPlugin',
  'TrafficExtension',
  'EnvoyFilter',
  'RateLimitPolicy',
  'ExternalProcessor',
] as const;

const inVirtualServices = ofEach(virtualServiceFaults);
const inDestinationRules = ofEach(destinationRuleFaults);
const inSidecars = ofEach(sidecarFaults);
const inGateways = ofEach(gatewayKeyFaults);
const inAuthorizations = ofEach(authorizerFaults);
const inTelemetries = ofEach(telemetryFaults);
const inPlugins = ofEach(pluginKeyFaults);
const inExtensions = ofEach(extensionKeyFaults);
const inTargets = ofEach(targetFaults);
const inGroups = ofEach(({ spec, metadata }: KindMap['WorkloadGroup'], accounts: Accounts) =>
  accountFaults(spec.template.serviceAccount, metadata.namespace, 'spec.template.serviceAccount', accounts),
);
const inEntries = ofEach(({ spec, metadata }: KindMap['WorkloadEntry'], accounts: Accounts) =>
  accountFaults(spec.serviceAccount, metadata.namespace, 'spec.serviceAccount', accounts),
);

type Accounts = SnapshotObjects['ServiceAccount'];

function ofEach<O extends ObjectBase, A extends readonly object[]>(find: (object: O, ...known: A) => readonly Fault[]) {
  return memo(
    (isSelected: (namespace: string) => boolean, objects: ReadonlyMap<string, O>, ...known: A): readonly Problem[] =>
      [...objects.values()]
        .filter(({ metadata }) => isSelected(metadata.namespace))
        .flatMap((object) => find(object, ...known).map((fault) => problem(object, fault))),
  );
}

const problem = ({ source, position }: ObjectBase, { path, message }: Fault): Problem => ({
  code: 'unresolved-reference',
  severity: 'warning',
  message,
  source: at(source, path),
  ...(position !== undefined && { position }),
});

const secretNames = memo(
  (secrets: SnapshotObjects['Secret']): ReadonlySet<string> =>
    new Set([...secrets.values()].map(({ metadata }) => metadata.name)),
);

const targetObjects = memo(
  (
    KubernetesGateway: TargetObjects['KubernetesGateway'],
    GatewayClass: TargetObjects['GatewayClass'],
    HTTPRoute: TargetObjects['HTTPRoute'],
    Service: TargetObjects['Service'],
    ServiceEntry: TargetObjects['ServiceEntry'],
    VirtualService: TargetObjects['VirtualService'],
  ): TargetObjects => ({ KubernetesGateway, GatewayClass, HTTPRoute, Service, ServiceEntry, VirtualService }),
);

/** Hosts that have routes need no service to be seen. */
const routedHosts = memo(
  (services: readonly VirtualService[]): ReadonlySet<string> => new Set(services.flatMap(({ hosts }) => hosts)),
);
