// Headers that a route or one of its destinations adds, replaces and removes.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers
import type { HeaderOperations, Headers } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { compareText } from '../../resolve/order.ts';

type HeaderValueOption = MessageOf['envoy.config.core.v3.HeaderValueOption'];

/** The fields that a Route and a ClusterWeight have in common. */
export type HeaderOptions = Pick<
  MessageOf['envoy.config.route.v3.Route'],
  'request_headers_to_add' | 'request_headers_to_remove' | 'response_headers_to_add' | 'response_headers_to_remove'
>;

export function headerOptions(headers: Headers | undefined): HeaderOptions {
  return compact({
    request_headers_to_add: additions(headers?.request),
    request_headers_to_remove: removals(headers?.request),
    response_headers_to_add: additions(headers?.response),
    response_headers_to_remove: removals(headers?.response),
  });
}

/** Both sets, those of `first` first. */
export function joinHeaderOptions(first: HeaderOptions, second: HeaderOptions): HeaderOptions {
  const both = <T>(a: readonly T[] = [], b: readonly T[] = []): readonly T[] => [...a, ...b];
  return compact({
    request_headers_to_add: both(first.request_headers_to_add, second.request_headers_to_add),
    request_headers_to_remove: both(first.request_headers_to_remove, second.request_headers_to_remove),
    response_headers_to_add: both(first.response_headers_to_add, second.response_headers_to_add),
    response_headers_to_remove: both(first.response_headers_to_remove, second.response_headers_to_remove),
  });
}

/** The host name that the request is to have: Envoy rewrites it, but not as a header. */
export function authorityOf(headers: Headers | undefined): string | undefined {
  const named = (values: Readonly<Record<string, string>> = {}): string | undefined =>
    Object.entries(values).find(([name]) => isAuthority(name))?.[1];
  return named(headers?.request?.set) ?? named(headers?.request?.add);
}

const isAuthority = (name: string): boolean => [':authority', 'host'].includes(name.toLowerCase());
/** Envoy does not let configuration change these. */
const isInternal = (name: string): boolean => name.startsWith(':') || name.toLowerCase() === 'host';

function additions(operations: HeaderOperations | undefined): readonly HeaderValueOption[] {
  const entries = (values: Readonly<Record<string, string>> = {}) =>
    Object.entries(values)
      .filter(([name]) => !isInternal(name))
      .toSorted(([a], [b]) => compareText(a, b));
  return [
    ...entries(operations?.set).map(([key, value]) => ({
      header: { key, value },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
    })),
    ...entries(operations?.add).map(([key, value]) => ({ header: { key, value } })),
  ];
}

const removals = (operations: HeaderOperations | undefined): readonly string[] =>
  (operations?.remove ?? []).filter((name) => !isInternal(name));

const compact = (options: Required<HeaderOptions>): HeaderOptions =>
  Object.fromEntries(Object.entries(options).filter(([, values]) => values.length > 0));
