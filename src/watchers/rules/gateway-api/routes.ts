// HTTPRoute and GRPCRoute: what an API server checks beyond the schema as far as proxies depend on it. One regular expression that
// Envoy cannot read would cost a whole gateway its routes.
// https://gateway-api.sigs.k8s.io/reference/spec/#httproute
import type { gatewayApi, KindMap } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { conflict, invalid, missing } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { headerValueFault, isHeaderName } from '../syntax/header.ts';
import { regexFault } from '../syntax/regex.ts';

export function* httpRoute({ spec }: KindMap['HTTPRoute']): Drafts {
  for (const [i, rule] of spec.rules.entries()) {
    const at: FieldPath = ['spec', 'rules', i];
    for (const [j, { path, headers, queryParams }] of rule.matches.entries()) {
      yield* pathMatch(path, [...at, 'matches', j, 'path']);
      yield* namedMatches(headers, [...at, 'matches', j, 'headers']);
      yield* namedMatches(queryParams, [...at, 'matches', j, 'queryParams']);
    }
    yield* filters(rule.filters, [...at, 'filters']);
    const types = new Set((rule.filters ?? []).map(({ type }) => type));
    if (types.has('RequestRedirect') && (rule.backendRefs ?? []).length > 0)
      yield conflict([...at, 'backendRefs'], 'a rule with a RequestRedirect filter has no backends');
    if (types.has('RequestRedirect') && types.has('URLRewrite'))
      yield conflict([...at, 'filters'], 'RequestRedirect and URLRewrite exclude each other');
    for (const [j, backend] of (rule.backendRefs ?? []).entries())
      yield* filters(backend.filters, [...at, 'backendRefs', j, 'filters']);
  }
}

export function* grpcRoute({ spec }: KindMap['GRPCRoute']): Drafts {
  for (const [i, rule] of (spec.rules ?? []).entries()) {
    const at: FieldPath = ['spec', 'rules', i];
    for (const [j, { method, headers }] of (rule.matches ?? []).entries()) {
      const methodAt: FieldPath = [...at, 'matches', j, 'method'];
      if (method !== undefined && method.service === undefined && method.method === undefined)
        yield missing(methodAt, 'one of service and method is needed');
      if (method?.type === 'RegularExpression') {
        yield* pattern(method.service, [...methodAt, 'service']);
        yield* pattern(method.method, [...methodAt, 'method']);
      }
      yield* namedMatches(headers, [...at, 'matches', j, 'headers']);
    }
    yield* filters(rule.filters, [...at, 'filters']);
    for (const [j, backend] of (rule.backendRefs ?? []).entries())
      yield* filters(backend.filters, [...at, 'backendRefs', j, 'filters']);
  }
}

function* pathMatch({ type, value }: gatewayApi.HTTPRouteMatch['path'], at: FieldPath): Drafts {
  if (type === 'RegularExpression') yield* pattern(value, [...at, 'value']);
  else if (!value.startsWith('/')) yield invalid([...at, 'value'], `a path begins with /, not "${value}"`);
}

function* namedMatches(matches: readonly gatewayApi.NamedMatch[] = [], at: FieldPath): Drafts {
  for (const [i, { type, value }] of matches.entries())
    if (type === 'RegularExpression') yield* pattern(value, [...at, i, 'value']);
}

function* pattern(text: string | undefined, at: FieldPath): Drafts {
  const fault = text === undefined ? undefined : regexFault(text);
  if (fault !== undefined) yield invalid(at, fault);
}

type Filter = Pick<gatewayApi.HTTPRouteFilter, 'type' | 'requestHeaderModifier' | 'responseHeaderModifier'>;

function* filters(all: readonly Filter[] = [], at: FieldPath): Drafts {
  for (const [i, filter] of all.entries()) {
    for (const name of ['requestHeaderModifier', 'responseHeaderModifier'] as const) {
      const { set, add } = filter[name] ?? {};
      yield* headers(set, [...at, i, name, 'set']);
      yield* headers(add, [...at, i, name, 'add']);
    }
  }
}

function* headers(all: gatewayApi.HeaderModifier['set'] = [], at: FieldPath): Drafts {
  for (const [i, { name, value }] of all.entries()) {
    if (!isHeaderName(name)) yield invalid([...at, i, 'name'], `"${name}" is not a header name`);
    const fault = headerValueFault(value);
    if (fault !== undefined) yield invalid([...at, i, 'value'], fault);
  }
}
