// The CustomResourceDefinitions of Istio's kinds, made from the kinds table and the schemas that objects are read by.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import type { Kind } from '../../model/schema/index.ts';
import type { KindRow } from '../../watchers/kinds.ts';
import { bodySchemas } from '../../model/schema/index.ts';
import { kindRows } from '../../watchers/kinds.ts';
import type { CelRule } from './cel-rules.ts';
import { addressed } from './cel-rules.ts';
import { openApi } from './open-api.ts';
import { statusSchema } from './status-schema.ts';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'date';
  readonly jsonPath: string;
  readonly description: string;
}

interface Traits {
  readonly shortNames?: readonly string[];
  readonly columns?: readonly Column[];
  /** The version that objects are stored in; absent: the preferred one. */
  readonly storage?: string;
  /** What `spec` as a whole must fulfil, beyond what its message must anywhere. */
  readonly rule?: CelRule;
}

const column = (name: string, jsonPath: string, description: string): Column => ({
  name,
  type: 'string',
  jsonPath,
  description,
});
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'When the object was created',
};
const programmed = column(
  'Programmed',
  '.status.conditions[?(@.type=="Programmed")].status',
  'Whether every proxy that needs it has it',
);

const traits: { readonly [K in Kind]?: Traits } = {
  VirtualService: {
    shortNames: ['vs'],
    columns: [
      column('Gateways', '.spec.gateways', 'Gateways that it applies to'),
      column('Hosts', '.spec.hosts', 'Hosts whose requests it routes'),
    ],
  },
  DestinationRule: {
    shortNames: ['dr'],
    columns: [column('Host', '.spec.host', 'Host whose traffic it applies to')],
  },
  Gateway: { shortNames: ['gw'] },
  ServiceEntry: {
    shortNames: ['se'],
    columns: [
      column('Hosts', '.spec.hosts', 'Hosts of the service'),
      column('Location', '.spec.location', 'Whether it is a part of the mesh'),
      column('Resolution', '.spec.resolution', 'How its addresses are found'),
    ],
  },
  Sidecar: {},
  WorkloadEntry: {
    shortNames: ['we'],
    columns: [column('Address', '.spec.address', 'Address of the workload')],
    rule: addressed,
  },
  WorkloadGroup: { shortNames: ['wg'] },
  EnvoyFilter: {},
  ProxyConfig: {},
  AuthorizationPolicy: {
    shortNames: ['ap'],
    columns: [column('Action', '.spec.action', 'What happens to requests that match')],
  },
  PeerAuthentication: {
    shortNames: ['pa'],
    columns: [column('Mode', '.spec.mtls.mode', 'Whether mutual TLS is demanded')],
  },
  RequestAuthentication: { shortNames: ['ra'] },
  Telemetry: { shortNames: ['telemetry'], storage: 'v1alpha1' },
  WasmPlugin: {},
  TrafficExtension: {},
  RateLimitPolicy: { shortNames: ['rlp'] },
  ExternalProcessor: {},
};

/** One for each of Istio's kinds and of our own, by name. */
export function customResourceDefinitions(): readonly object[] {
  return kindRows
    .flatMap((row) => {
      const known = traits[row.kind];
      return known === undefined ? [] : [definition(row, known)];
    })
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function definition(row: KindRow, { shortNames, columns = [], storage = row.versions[0], rule }: Traits) {
  const { group, objectKind: kind, plural, versions } = row;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { 'app.kubernetes.io/name': 'keelson', 'app.kubernetes.io/part-of': 'keelson' },
      // A chart that is removed must not take the configuration of the mesh with it.
      annotations: { 'helm.sh/resource-policy': 'keep' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames && { shortNames }),
        categories: [group.endsWith('.istio.io') ? 'istio-io' : 'keelson-io', group.replaceAll('.', '-')],
      },
      versions: versions.map((name) => ({
        name,
        served: true,
        storage: name === storage,
        subresources: { status: {} },
        additionalPrinterColumns: [...columns, programmed, age],
        schema: { openAPIV3Schema: objectSchema(row, rule) },
      })),
    },
  };
}

function objectSchema({ kind, objectKind, group }: KindRow, rule: CelRule | undefined): object {
  const { spec } = (bodySchemas[kind] as unknown as { readonly properties: { readonly spec: Spec } }).properties;
  return {
    type: 'object',
    description: group.endsWith('.istio.io')
      ? `${objectKind}, as Istio documents it: https://istio.io/latest/docs/reference/config/`
      : `${objectKind}: a kind of Keelson's own`,
    properties: { spec: openApi(spec, rule && [rule]), status: statusSchema(kind) },
    // An object without a spec is one with an empty spec, where that may be empty.
    ...((spec.required ?? []).length > 0 && { required: ['spec'] }),
  };
}

interface Spec {
  readonly required?: readonly string[];
}
