// The names of outbound clusters that a message mentions, wherever in it.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/dynamic_configuration
import { memo } from '../../model/memo.ts';

const outbound = 'outbound|';

export const isOutbound = (cluster: string): boolean => cluster.startsWith(outbound);

export const mentionedClusters = memo((message: object): ReadonlySet<string> => collected(message, noFields));

/** But for those that requests are routed to: Envoy fetches these by itself. Mirrors, for example, it does not. */
export const mentionedBeyondRoutes = memo((virtualHost: object): ReadonlySet<string> =>
  collected(virtualHost, routedFields),
);

type Fields = ReadonlySet<string>;
const noFields: Fields = new Set();
/** Of envoy.config.route.v3.RouteAction. */
const routedFields: Fields = new Set(['cluster', 'weighted_clusters']);

function collected(message: object, routed: Fields): ReadonlySet<string> {
  const found = new Set<string>();
  collect(message, routed, found);
  return found;
}

function collect(value: unknown, routed: Fields, found: Set<string>): void {
  if (typeof value === 'string' && isOutbound(value)) found.add(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, routed, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [field, child] of Object.entries(value)) {
      if (field === 'route' && typeof child === 'object' && child !== null) collectAction(child, routed, found);
      else collect(child, routed, found);
    }
  }
}

function collectAction(action: object, routed: Fields, found: Set<string>): void {
  for (const [field, child] of Object.entries(action)) if (!routed.has(field)) collect(child, routed, found);
}
