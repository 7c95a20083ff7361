// What requests of an HTTPRoute or calls of a GRPCRoute look like, in the words of a VirtualService.
// https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch
import type { gatewayApi, HTTPMatchRequest, StringMatch } from '../../../../../model/schema/index.ts';

export const httpMatch = ({ path, headers, queryParams, method }: gatewayApi.HTTPRouteMatch): HTTPMatchRequest => ({
  uri: pathMatch(path),
  ...named('headers', headers, (name) => name.toLowerCase()),
  ...named('queryParams', queryParams, (name) => name),
  ...(method !== undefined && { method: { exact: method } }),
});

export const grpcMatch = ({ method, headers }: gatewayApi.GRPCRouteMatch): HTTPMatchRequest => ({
  ...(method !== undefined && { uri: methodMatch(method) }),
  ...named('headers', headers, (name) => name.toLowerCase()),
});

function pathMatch({ type, value }: gatewayApi.HTTPRouteMatch['path']): StringMatch {
  switch (type) {
    case 'Exact':
      return { exact: value };
    case 'RegularExpression':
      return { regex: value };
    case 'PathPrefix':
      return { prefix: value === '/' ? value : value.replace(/\/$/, '') };
  }
}

/** A call is a request for `/package.Service/Method`. */
function methodMatch({ type, service, method }: NonNullable<gatewayApi.GRPCRouteMatch['method']>): StringMatch {
  const plain = type === 'Exact';
  if (service === undefined) return { regex: `/[^/]+/${method ?? '.+'}` };
  if (method === undefined) return plain ? { prefix: `/${service}/` } : { regex: `/${service}/.+` };
  return plain ? { exact: `/${service}/${method}` } : { regex: `/${service}/${method}` };
}

/** Of several for the same name the first counts. */
function named(
  field: 'headers' | 'queryParams',
  matches: readonly gatewayApi.NamedMatch[] = [],
  canonical: (name: string) => string,
): Pick<HTTPMatchRequest, 'headers' | 'queryParams'> {
  if (matches.length === 0) return {};
  const distinct = new Map<string, readonly [string, StringMatch]>();
  for (const { type, name, value } of matches) {
    const match = type === 'Exact' ? { exact: value } : { regex: value };
    if (!distinct.has(canonical(name))) distinct.set(canonical(name), [name, match]);
  }
  return { [field]: Object.fromEntries(distinct.values()) };
}

/** A regular expression of RE2 for this very text. */
export const regexLiteral = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
