// Secrets that objects name and that are in no namespace. Whether one is where a proxy looks for it, and what is in it, is told
// for each proxy.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { ClientTLSSettings, KindMap, ServerTLSSettings, TrafficPolicy } from '../../../model/schema/index.ts';
import type { Fault } from './known-hosts.ts';
import { paths } from './paths.ts';

/** Names of all Secrets. */
type Secrets = ReadonlySet<string>;

export const gatewayKeyFaults = ({ spec }: KindMap['Gateway'], secrets: Secrets): readonly Fault[] =>
  paths('spec.servers', spec.servers).flatMap(([path, { tls }]) =>
    keysOf(tls, `${path}.tls`).flatMap(([each, name]) =>
      secretFaults(name, each, secrets, "the namespace of the gateway's Pods"),
    ),
  );

const withoutKeys: ReadonlySet<unknown> = new Set([undefined, 'PASSTHROUGH', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL']);

const keysOf = (
  tls: ServerTLSSettings | undefined,
  path: string,
): readonly (readonly [string, string | undefined])[] =>
  tls === undefined || withoutKeys.has(tls.mode)
    ? []
    : [
        [`${path}.credentialName`, tls.credentialName],
        ...paths(`${path}.credentialNames`, tls.credentialNames),
        [`${path}.caCertCredentialName`, tls.caCertCredentialName],
      ];

/** Of what callers show; whose proxy it is decides where it is looked for. */
export function clientKeyFaults(policy: TrafficPolicy | undefined, path: string, secrets: Secrets): readonly Fault[] {
  const settings: readonly (readonly [string, ClientTLSSettings | undefined])[] = [
    [`${path}.tls`, policy?.tls],
    ...paths(`${path}.portLevelSettings`, policy?.portLevelSettings).map(
      ([each, { tls }]) => [`${each}.tls`, tls] as const,
    ),
  ];
  return settings.flatMap(([each, tls]) =>
    secretFaults(
      tls?.credentialName,
      `${each}.credentialName`,
      secrets,
      'the namespace of the gateway, or of the workloads that are selected',
    ),
  );
}

export const pluginKeyFaults = ({ spec, metadata }: KindMap['WasmPlugin'], secrets: Secrets): readonly Fault[] =>
  secretFaults(spec.imagePullSecret, 'spec.imagePullSecret', secrets, `the namespace ${metadata.namespace}`);

export const extensionKeyFaults = (
  { spec, metadata }: KindMap['TrafficExtension'],
  secrets: Secrets,
): readonly Fault[] =>
  secretFaults(spec.wasm?.imagePullSecret, 'spec.wasm.imagePullSecret', secrets, `the namespace ${metadata.namespace}`);

/** `place`: where it has to be. */
function secretFaults(name = '', path: string, secrets: Secrets, place: string): readonly Fault[] {
  const local = name.replace(/^kubernetes:\/\//, '');
  // Other schemes lead elsewhere; where there are no Secrets at all, they are not read.
  if (local === '' || local.includes('://') || secrets.size === 0) return [];
  const short = local.slice(local.indexOf('/') + 1);
  if (secrets.has(short) || secrets.has(`${short}-cacert`)) return [];
  return [{ path, message: `there is no Secret ${short} in any namespace: create it in ${place}` }];
}
