// The listener that redirected outgoing connections arrive at: it hands each over to the listener for the address that
// the connection was meant for, and keeps those that no other listener is for.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/original_dst_filter
import { memo } from '../../../../model/memo.ts';
import type { MeshSettings } from '../../../../model/mesh/mesh.ts';
import type { Resource } from '../../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../../model/envoy/resource.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { virtualOutbound } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import { listenerAccessLog } from '../../filter/access-log.ts';
import { acceptSlowly, additionalAddresses, listenerAddress } from '../listener-address.ts';
import type { ConnectionFacts, LocalAddresses } from '../listener-facts.ts';
import { outboundPort } from '../listener-facts.ts';
import { blackHole } from '../../filter/tcp-proxy.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type Listener = MessageOf['envoy.config.listener.v3.Listener'];

/** `rest` takes the connections that leave the mesh; connections to the port itself would go round in circles. */
export const virtualOutboundListener = memo(
  (
    settings: MeshSettings,
    connection: ConnectionFacts,
    rest: Filter,
    addresses: LocalAddresses['wildcards'],
    transparent: boolean,
  ): Resource => {
    const port = outboundPort(settings);
    const [bind, ...others] = addresses;
    const message: Listener = {
      name: virtualOutbound,
      address: listenerAddress(bind, port),
      ...additionalAddresses(others, port),
      traffic_direction: 'OUTBOUND',
      use_original_dst: true,
      ...(transparent && { transparent: true }),
      ...acceptSlowly,
      filter_chains: [
        { name: 'virtualOutbound-blackhole', filter_chain_match: { destination_port: port }, filters: [blackHole] },
        { name: 'virtualOutbound-catchall-tcp', filters: [rest] },
      ],
      ...listenerAccessLog(settings, connection),
    };
    return { type: resourceTypes.listener, name: virtualOutbound, message: from(settings.source, message) };
  },
);
