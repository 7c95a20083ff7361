// What one proxy would be sent for YAML as a user writes it, as messages by name: for tests of a rule from end to end of the
// translation. Endpoints are written out as EndpointSlices.
import type { Features } from '../../../src/model/mesh/mesh.ts';
import type { NodeInfo, ResourceKind } from '../../../src/model/envoy/resource.ts';
import { defaultInstallation, installationWith } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import type { Translation } from '../../../src/translate/translate.ts';
import { translate } from '../../../src/translate/translate.ts';
import { messageTypes } from '../../../src/xds/codec/message-types.ts';
import { snapshotOf } from './snapshot.ts';

export interface Asking {
  readonly type?: 'sidecar' | 'router' | 'waypoint';
  readonly name?: string;
  readonly namespace?: string;
  readonly address?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly features?: Partial<Features>;
}

/** Any part of a message. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Message = any;

export const nodeOf = ({
  type = 'sidecar',
  name = 'web-1',
  namespace = 'garden',
  address = '10.2.0.1',
  metadata = {},
}: Asking): NodeInfo => ({
  id: `${type}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
  cluster: `web.${namespace}`,
  metadata: { NAMESPACE: namespace, ...metadata },
});

export const translation = (yaml: string, { features }: Asking = {}): Translation =>
  translate(snapshotOf(yaml), installationWith({ ...defaultInstallation.features, ...features }, messageTypes));

/** Messages of one kind by name, with the parts of each in their place. */
export function translated(yaml: string, kind: Exclude<ResourceKind, 'secret'>, asking: Asking = {}) {
  const configuration = translation(yaml, asking).configuration(nodeOf(asking));
  if (configuration === undefined) throw new Error('not a proxy');
  const resources = configuration[kind].flatMap((layer) => [...layer.resources.values()]);
  return new Map<string, Message>(
    resources.map(({ name, message, parts }) => [
      name,
      parts === undefined ? message : { ...message, [parts.field]: parts.resources.map((part) => part.message) },
    ]),
  );
}

export const conflictsOf = (yaml: string, asking: Asking = {}): readonly string[] =>
  translation(yaml, asking)
    .conflicts(nodeOf(asking))
    .map(({ code, source }) => `${code} ${source?.kind} ${source?.namespace}/${source?.name} ${source?.path ?? ''}`);

/** `address:port weight health mtls` of each endpoint, by locality. */
export const assigned = (assignment: Message): readonly (readonly string[])[] =>
  (assignment.endpoints ?? []).map(({ lb_endpoints: endpoints = [] }: Message) =>
    endpoints.map(({ endpoint, load_balancing_weight: weight, health_status: health, metadata }: Message) =>
      [
        `${endpoint.address.socket_address.address}:${endpoint.address.socket_address.port_value}`,
        weight,
        ...(health === undefined ? [] : [health]),
        ...('envoy.transport_socket_match' in metadata.filter_metadata ? ['mtls'] : []),
      ].join(' '),
    ),
  );
