// Copies of requests that are sent elsewhere, their answers thrown away.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMirrorPolicy
import type { Destination, HTTPRoute } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { hundredths, millionths } from './fractional-percent.ts';

type RequestMirrorPolicy = MessageOf['envoy.config.route.v3.RouteAction.RequestMirrorPolicy'];
type FractionalPercent = MessageOf['envoy.type.v3.FractionalPercent'];

/** `clusterOf` names the cluster of a destination. A share of 0% mirrors nothing. */
export function requestMirrors(
  route: HTTPRoute,
  clusterOf: (destination: Destination) => string,
): readonly RequestMirrorPolicy[] {
  const all = [
    ...(route.mirror === undefined ? [] : [{ destination: route.mirror, share: legacyShare(route) }]),
    ...(route.mirrors ?? []).map(({ destination, percentage }) => ({
      destination,
      share: percentage === undefined ? hundredths(100) : millionths(percentage),
    })),
  ];
  return all
    .filter(({ share }) => (share.numerator ?? 0) > 0)
    .map(({ destination, share }) => ({
      cluster: clusterOf(destination),
      runtime_fraction: { default_value: share },
      disable_shadow_host_suffix_append: true,
      trace_sampled: false,
    }));
}

function legacyShare(route: HTTPRoute): FractionalPercent {
  if (route.mirrorPercentage !== undefined) return millionths(route.mirrorPercentage);
  return hundredths(route.mirrorPercent ?? route.mirror_percent ?? 100);
}
