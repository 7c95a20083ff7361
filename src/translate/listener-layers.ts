// The listeners of a sidecar as layers. Those that redirected connections are handed to are the same for all that send alike.
// What binds a port may be refused in one Pod because somebody has the port there, which is nobody else's concern: it is
// with what the workload receives, in a layer of its own.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listeners
import { memo } from '../model/memo.ts';
import { layer } from '../model/envoy/layer.ts';
import type { Layer, Resource } from '../model/envoy/resource.ts';
import type { MessageOf } from '../xds/generated/messages.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];

/** Of two with one name that of `own` has it. `sender` and `receiver` are the scopes of what is sent and received. */
export function listenerLayers(
  outbound: readonly Resource[],
  own: readonly Resource[],
  sender: string,
  receiver: string,
): readonly Layer[] {
  const { handed, bound } = divided(outbound);
  const mine = ownLayer(receiver, own, bound);
  const isTaken = own.some(({ name }) => handed.has(name));
  const others = isTaken ? [...handed.values()].filter(({ name }) => !mine.resources.has(name)) : undefined;
  const shared = others === undefined ? handedLayer(outbound, sender) : layer(scopeOf(sender), others);
  return shared.resources.size === 0 ? [mine] : [shared, mine];
}

const scopeOf = (sender: string): string => `listeners|${sender}`;

const handedLayer = memo((outbound: readonly Resource[], sender: string): Layer =>
  layer(scopeOf(sender), [...divided(outbound).handed.values()]),
);

const ownLayer = (receiver: string, own: readonly Resource[], bound: readonly Resource[]): Layer =>
  bound.length === 0 ? receivedLayer(own, receiver) : layer(receiver, [...bound, ...own]);

const receivedLayer = memo((own: readonly Resource[], receiver: string): Layer => layer(receiver, own));

const divided = memo((outbound: readonly Resource[]) => {
  const isHanded = ({ message }: Resource): boolean => (message as Listener).bind_to_port === false;
  return {
    handed: new Map(outbound.filter(isHanded).map((resource) => [resource.name, resource])),
    bound: outbound.filter((resource) => !isHanded(resource)),
  };
});
