// What a proxy is to have in the form of Envoy's own config dump, so that both can be compared: bytes that were encoded
// before, put together and never made again.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump_shared.proto
import protobuf from 'protobufjs';
import type { DumpSection } from '../../model/proxy/debug.ts';
import type { Configuration, Layer, Resource } from '../../model/envoy/resource.ts';
import type { JsonObject } from '../codec/print.ts';
import { findMessage } from '../codec/descriptors.ts';
import { cachedResource } from '../codec/cache.ts';
import { printAny } from '../codec/print.ts';
import { routeOf } from '../subscription/pushed-hosts.ts';

const prefix = 'type.googleapis.com/envoy.admin.v3.';
const tag = (field: number): number => (field << 3) | 2;

/** In the order in which Envoy has them; endpoints only where they are asked for, as in Envoy. */
export function configDump(configuration: Configuration, withEndpoints = false): readonly DumpSection[] {
  const resources = (kind: keyof Configuration): readonly Resource[] =>
    configuration[kind].flatMap((layer) => [...layer.resources.values()]);
  return [
    section('BootstrapConfigDump', []),
    section('ClustersConfigDump', resources('cluster').map(versioned)),
    ...(withEndpoints ? [section('EndpointsConfigDump', resources('endpoint').map(versioned))] : []),
    section('ListenersConfigDump', resources('listener').map(listener)),
    section('ScopedRoutesConfigDump', []),
    section('RoutesConfigDump', resources('route').map(joined(configuration.virtualHost)).map(versioned)),
    section('SecretsConfigDump', []),
    section('EcdsConfigDump', resources('extension').map(versioned), 1),
  ];
}

/** Envoy shows virtual hosts that came one by one in their route configuration, in the order of their names. */
const joined =
  (layers: readonly Layer[]) =>
  (route: Resource): Resource => {
    const pushed = layers.filter(({ onDemand }) => onDemand === undefined);
    const hosts = pushed
      .flatMap(({ resources }) => [...resources.values()])
      .filter(({ name }) => routeOf(name) === route.name);
    if (hosts.length === 0) return route;
    const virtual_hosts = hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ message }) => message);
    return { type: route.type, name: route.name, message: { ...route.message, virtual_hosts } };
  };

/** Proto JSON with '@type', private keys redacted. */
export const printSection = ({ type, bytes }: DumpSection): JsonObject =>
  findMessage(type.slice('type.googleapis.com/'.length)) === undefined ? { '@type': type } : printAny(type, bytes);

/** What is dynamic is field 3 of most sections. */
function section(name: string, entries: readonly Uint8Array[], field = 3): DumpSection {
  const writer = protobuf.Writer.create();
  for (const entry of entries) writer.uint32(tag(field)).bytes(entry);
  return { type: prefix + name, bytes: writer.finish() };
}

/** DynamicCluster, DynamicRouteConfig, DynamicEndpointConfig, EcdsFilterConfig: 1 version_info, 2 the resource. */
function versioned(resource: Resource): Uint8Array {
  const { type, bytes, version } = cachedResource(resource);
  const writer = protobuf.Writer.create().uint32(tag(1)).string(version).uint32(tag(2));
  return writer.fork().uint32(tag(1)).string(type).uint32(tag(2)).bytes(bytes).ldelim().finish();
}

/** DynamicListener: 1 name, 2 active_state. */
const listener = (resource: Resource): Uint8Array =>
  protobuf.Writer.create().uint32(tag(1)).string(resource.name).uint32(tag(2)).bytes(versioned(resource)).finish();
