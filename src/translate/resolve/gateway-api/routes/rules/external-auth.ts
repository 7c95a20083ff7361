// Who is asked about the requests of a rule: the service of its ExternalAuth filter.
// https://gateway-api.sigs.k8s.io/geps/gep-1494/
import { sharedValue } from '../../../../../model/memo.ts';
import type { RouteAuthorizer } from '../../../../../model/mesh/virtual-service.ts';
import type { gatewayApi } from '../../../../../model/schema/index.ts';
import type { SourceRef } from '../../../../../model/source.ts';
import { at } from '../../../../../model/source.ts';
import type { Fault } from '../../status/conditions.ts';
import type { BackendOf } from './filters.ts';

/** Without an authorizer, though there ought to be one, requests are answered with 500. */
export type Authorized =
  { readonly authorizer?: RouteAuthorizer } | { readonly refused: Fault } | { readonly broken: Fault };

/** `name` is that of the rule, of which there is only one. */
export function authorizerOf(
  filters: readonly gatewayApi.HTTPRouteFilter[] = [],
  backendOf: BackendOf,
  name: string,
  rule: SourceRef,
): Authorized {
  const found = filters.flatMap(({ type, externalAuth }, i) =>
    type === 'ExternalAuth' && externalAuth !== undefined ? [{ externalAuth, i }] : [],
  );
  const [only, ...others] = found;
  if (only === undefined) return {};
  if (others.length > 0) return { broken: { reason: 'InvalidFilter', message: 'A rule has one ExternalAuth filter' } };
  const { protocol, backendRef, grpc, http, forwardBody } = only.externalAuth;
  const { destination, fault, broken } = backendOf(backendRef);
  if (fault !== undefined) return broken === true ? { broken: fault } : { refused: fault };
  const authorizer = sharedValue<RouteAuthorizer>({
    name,
    source: at(rule, `filters[${only.i}].externalAuth`),
    protocol,
    host: destination.host,
    port: destination.port?.number ?? 0,
    pathPrefix: protocol === 'HTTP' ? prefixOf(http?.path) : '',
    requestHeaders: namesOf((protocol === 'HTTP' ? http : grpc)?.allowedHeaders),
    responseHeaders: protocol === 'HTTP' ? namesOf(http?.allowedResponseHeaders) : [],
    body: forwardBody?.maxSize ?? 0,
  });
  return { authorizer };
}

/** Paths begin with a slash, and Envoy refuses a prefix that does not. */
function prefixOf(path = ''): string {
  const inner = path.replace(/^\//, '').replace(/\/$/, '');
  return inner === '' ? '' : `/${inner}`;
}

const namesOf = (names: readonly string[] = []): readonly string[] => names.filter((name) => name !== '');
