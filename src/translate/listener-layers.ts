// The listeners of a sidecar as layers. Those that redirected connections are handed to are the same for all that send alike.
// What binds a port may be refused in one Pod because somebody has the port there, which is nobody else's concern: it is
// with what the workload receives, in a layer of its own.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listeners
import { memo, sharedList } from '../model/memo.ts';
import type { Layer, Resource } from '../model/envoy/resource.ts';
import type { InboundView, OutboundView } from '../model/view.ts';
import type { MessageOf } from '../xds/generated/messages.ts';
import { layer } from './outbound-layers.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];

/** Of two with one name that of `own` has it. */
export function listenerLayers(
  outbound: readonly Resource[],
  own: readonly Resource[],
  sender: OutboundView,
  receiver: InboundView,
): readonly Layer[] {
  const { handed, bound } = divided(outbound);
  const mine = layer(receiver.scope, [...bound, ...own]);
  const others = own.some(({ name }) => handed.has(name))
    ? [...handed.values()].filter(({ name }) => !mine.resources.has(name))
    : [...handed.values()];
  return sharedList(others.length === 0 ? [mine] : [layer(`listeners|${sender.scope}`, others), mine]);
}

const divided = memo((outbound: readonly Resource[]) => {
  const isHanded = ({ message }: Resource): boolean => (message as Listener).bind_to_port === false;
  return {
    handed: new Map(outbound.filter(isHanded).map((resource) => [resource.name, resource])),
    bound: outbound.filter((resource) => !isHanded(resource)),
  };
});
