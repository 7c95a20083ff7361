// External authorizers: the services that MeshConfig's extension providers name, found in the mesh.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import { at } from '../../../model/source.ts';
import type { Authorizer, UnusableAuthorizer } from '../../../model/mesh/workload-policies.ts';
import { statusCode } from '../../http-status.ts';

type Provider = NonNullable<MeshSettings['extensionProviders']>[number];
export type Hosts = ReadonlyMap<string, readonly string[]>;

/** The provider called `name`, as a service of the mesh that can be asked. */
export function authorizerOf(
  settings: MeshSettings,
  services: readonly Service[],
  name: string,
): Authorizer | UnusableAuthorizer {
  return authorizers(settings, namespacesByHost(services)).get(name) ?? missing(name);
}

/** Namespaces by host: it changes only when services come and go. */
export const namespacesByHost = memo((services: readonly Service[]): Hosts => {
  const hosts = new Map<string, string[]>();
  for (const { hostname, namespace } of services) {
    const known = hosts.get(hostname) ?? [];
    if (!known.includes(namespace)) hosts.set(hostname, [...known, namespace]);
  }
  return hosts;
});

const missing = (name: string): UnusableAuthorizer =>
  sharedValue({
    name,
    fault: name === '' ? 'it names no provider' : `there is no extension provider "${name}" in the mesh configuration`,
  });

const authorizers = memo(
  (settings: MeshSettings, hosts: Hosts): ReadonlyMap<string, Authorizer | UnusableAuthorizer> => {
    const found = (settings.extensionProviders ?? []).map(
      (provider, i) => [provider.name ?? '', sharedValue(resolved(settings, hosts, provider, i))] as const,
    );
    return new Map(found.toReversed());
  },
);

function resolved(
  settings: MeshSettings,
  hosts: Hosts,
  provider: Provider,
  i: number,
): Authorizer | UnusableAuthorizer {
  const { name = '', envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc } = provider;
  const unusable = (fault: string): UnusableAuthorizer => ({
    name,
    fault: `the extension provider "${name}" ${fault}`,
  });
  const asked = http ?? grpc;
  if (asked === undefined) return unusable('is no external authorizer');
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return unusable('has a name that is no DNS label');
  const port = asked.port ?? 0;
  if (port < 1 || port > 65535) return unusable('has no port');
  if ((asked.statusOnError ?? '') !== '' && statusCode(asked.statusOnError ?? '') === undefined)
    return unusable(`has a statusOnError that is no HTTP status: "${asked.statusOnError}"`);
  if (http?.pathPrefix !== undefined && http.pathPrefix !== '' && !http.pathPrefix.startsWith('/'))
    return unusable('has a pathPrefix that does not begin with a slash');
  if (asked.includeRequestBodyInCheck !== undefined && (asked.includeRequestBodyInCheck.maxRequestBytes ?? 0) === 0)
    return unusable('includes the body in the check, but says nothing of maxRequestBytes');
  const host = hostOf(hosts, asked.service ?? '');
  if (host === undefined) return unusable(`leads to "${asked.service ?? ''}", which is not exactly one service`);
  const source = at(settings.source, `extensionProviders[${i}]`);
  if (http !== undefined) return { name, source, host, port, protocol: 'http', settings: http };
  return { name, source, host, port, protocol: 'grpc', settings: grpc ?? {} };
}

/** `host`, when a single namespace has it, or `namespace/host`. */
export function hostOf(hosts: Hosts, service: string): string | undefined {
  const slash = service.indexOf('/');
  const host = service.slice(slash + 1);
  const namespaces = hosts.get(host) ?? [];
  const known = slash < 0 ? namespaces.length === 1 : namespaces.includes(service.slice(0, slash));
  return known ? host : undefined;
}
