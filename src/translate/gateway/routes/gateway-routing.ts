// The VirtualServices of each gateway as one router sees them, in order of precedence.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
import { byKeys } from '../../../model/by-keys.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { ServiceView, VirtualServiceView } from '../../../model/view.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import { isVisible, visibilityRank } from '../../resolve/scope/visibility.ts';
import { withDestinations } from '../../view/outbound.ts';

/** By gateway (`namespace/name`). */
export type GatewayRouting = ReadonlyMap<string, readonly VirtualServiceView[]>;

/** `services` are those in sight, which routes can lead to. A gateway's list stays the same until one of them changes. */
export const gatewayRouting = memo(
  (
    all: readonly VirtualService[],
    namespace: string,
    gateways: readonly string[],
    services: readonly ServiceView[],
  ): GatewayRouting => {
    const byGateway = boundVirtualServices(all, namespace);
    return new Map(gateways.map((gateway) => [gateway, withDestinations(byGateway.get(gateway) ?? none, services)]));
  },
);

const none: readonly VirtualService[] = [];

const boundVirtualServices = memo(
  (all: readonly VirtualService[], namespace: string): ReadonlyMap<string, readonly VirtualService[]> => {
    const ranked = all
      .filter(
        ({ visibility, gateways }) => isVisible(visibility, namespace) && gateways.some((name) => name !== 'mesh'),
      )
      .toSorted((a, b) => precedence(a, namespace) - precedence(b, namespace));
    const byGateway = byKeys(ranked, ({ gateways }) => new Set(gateways));
    return new Map([...byGateway].map(([gateway, own]) => [gateway, sharedList(own)]));
  },
);

/** Of public ones, routes of Gateway API from the router's own namespace go first. */
function precedence({ api, namespace: owner, visibility }: VirtualService, namespace: string): number {
  const rank = visibilityRank(visibility, owner, namespace);
  return rank === 2 && !(api === 'gateway-api' && owner === namespace) ? 3 : rank;
}
