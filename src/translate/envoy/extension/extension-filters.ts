// Extensions as filters of a chain, by the place where they run. A module's configuration is delivered on its own, so that
// it can change without the listener; scripts and processors stand in the chain.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/extension
import type { ExtensionPhase, ExtensionUse } from '../../../model/mesh/extension.ts';
import { memo } from '../../../model/memo.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { externalProcessor } from './external-processor.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type ExtensionConfigSource = MessageOf['envoy.config.core.v3.ExtensionConfigSource'];

/** The traffic that a chain is for. Port 0 stands for ports that nobody has declared. */
export interface ChainTraffic {
  readonly side: 'CLIENT' | 'SERVER';
  readonly port: number;
}

export type HttpExtensions = Readonly<Record<ExtensionPhase, readonly HttpFilter[]>>;
export type NetworkExtensions = Readonly<Record<ExtensionPhase, readonly Filter[]>>;

export const httpExtensions = (uses: readonly ExtensionUse[] | undefined, traffic: ChainTraffic): HttpExtensions =>
  byPhase(uses, 'http', traffic, httpFilter);

export const networkExtensions = (
  uses: readonly ExtensionUse[] | undefined,
  traffic: ChainTraffic,
): NetworkExtensions => byPhase(uses, 'network', traffic, networkFilter);

/** Network extensions of all phases, for chains where nothing stands between them. */
export function networkExtensionList(
  uses: readonly ExtensionUse[] | undefined,
  traffic: ChainTraffic,
): readonly Filter[] {
  const { AUTHN, AUTHZ, STATS, UNSPECIFIED } = networkExtensions(uses, traffic);
  return [...AUTHN, ...AUTHZ, ...STATS, ...UNSPECIFIED];
}

function byPhase<F>(
  uses: readonly ExtensionUse[] | undefined,
  layer: ExtensionUse['layer'],
  traffic: ChainTraffic,
  filter: (use: ExtensionUse) => F,
): Readonly<Record<ExtensionPhase, readonly F[]>> {
  const meant = (uses ?? []).filter((use) => use.layer === layer && sees(use, traffic));
  const of = (phase: ExtensionPhase): readonly F[] => meant.filter((use) => use.phase === phase).map(filter);
  return { AUTHN: of('AUTHN'), AUTHZ: of('AUTHZ'), STATS: of('STATS'), UNSPECIFIED: of('UNSPECIFIED') };
}

const sees = ({ match }: ExtensionUse, { side, port }: ChainTraffic): boolean =>
  match.length === 0 ||
  match.some(({ mode = 'UNDEFINED', ports = [] }) => {
    const sideMeant = mode === side || mode === 'CLIENT_AND_SERVER' || mode === 'UNDEFINED';
    return sideMeant && (ports.length === 0 || ports.some(({ number }) => number === port));
  });

const httpFilter = memo(({ source, name, lua, processor }: ExtensionUse): HttpFilter => {
  if (processor !== undefined) return from(source, externalProcessor(name, processor));
  if (lua === undefined) return from(source, { name, config_discovery: delivered('http') });
  const script = { default_source_code: { inline_string: lua } };
  return from(source, extension(name, 'envoy.extensions.filters.http.lua.v3.Lua', script));
});

const networkFilter = memo(({ source, name }: ExtensionUse): Filter =>
  from(source, { name, config_discovery: delivered('network') }),
);

/**
 * Nothing passes before the configuration has come: it may decide who may pass. What takes the place of a module that
 * cannot be had is a filter of access control, which lets everything pass or nothing.
 */
const delivered = memo((layer: ExtensionUse['layer']): ExtensionConfigSource => ({
  config_source: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
  type_urls: [
    `type.googleapis.com/envoy.extensions.filters.${layer}.wasm.v3.Wasm`,
    `type.googleapis.com/envoy.extensions.filters.${layer}.rbac.v3.RBAC`,
  ],
}));
