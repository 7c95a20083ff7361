// The providers that Telemetry objects name: those of MeshConfig, and the three that are always there.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { ExtensionProvider } from '../../../model/schema/index.ts';
import type { Collector } from '../../../model/mesh/telemetry.ts';
import type { Hosts } from '../security/extension-provider.ts';
import { hostOf } from '../security/extension-provider.ts';

const builtIn: readonly ExtensionProvider[] = [
  { name: 'prometheus', prometheus: {} },
  { name: 'stackdriver', stackdriver: {} },
  { name: 'envoy', envoyFileAccessLog: { path: '/dev/stdout' } },
];

/** Whichever case its name is written in. */
export const providerNamed = (settings: MeshSettings, name: string): ExtensionProvider | undefined =>
  providers(settings).get(name.toLowerCase());

/** The first of several that differ in case only; of those with the very same name the last. */
const providers = memo((settings: MeshSettings): ReadonlyMap<string, ExtensionProvider> => {
  const all = [...builtIn, ...(settings.extensionProviders ?? [])];
  const byExactName = new Map(all.map((provider) => [provider.name ?? '', provider]));
  return new Map([...byExactName].toReversed().map(([name, provider]) => [name.toLowerCase(), provider]));
});

/** The service that takes what is observed; undefined unless it is exactly one of the mesh. */
export function collectorOf(
  hosts: Hosts,
  { service = '', port = 0 }: { readonly service?: string; readonly port?: number },
): Collector | undefined {
  const host = service === '' ? undefined : hostOf(hosts, service);
  return host === undefined ? undefined : { host, port };
}

/** Modes of Telemetry objects: an absent one means both. */
export type Mode = 'CLIENT' | 'SERVER';

export const matchesMode = (
  match: { readonly mode?: 'CLIENT' | 'SERVER' | 'CLIENT_AND_SERVER' } | undefined,
  mode: Mode,
): boolean => match?.mode === undefined || match.mode === 'CLIENT_AND_SERVER' || match.mode === mode;

export const namesOf = (providers: readonly { readonly name: string }[] | undefined): readonly string[] =>
  (providers ?? []).map(({ name }) => name);
