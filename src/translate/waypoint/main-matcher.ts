// How a waypoint tells connections apart that came out of tunnels: by the address and the port that they were going to, and
// where the protocol is not known before, by what it turns out to be.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/matching/matching_api
import type { MessageOf } from '../../xds/generated/messages.ts';
import { extension, typed } from '../typed.ts';
import type { TrafficLayer } from './vip-cluster.ts';

type Matcher = MessageOf['xds.type.matcher.v3.Matcher'];
type OnMatch = MessageOf['xds.type.matcher.v3.Matcher.OnMatch'];
type Input = NonNullable<NonNullable<Matcher['matcher_tree']>['input']>;

/** The chains that take what goes to some addresses, by port; port 0 stands for any. */
export interface ChainsOfAddresses {
  readonly addresses: readonly string[];
  readonly ports: readonly {
    readonly port: number;
    /** One chain, or one for each layer. */
    readonly chains: { readonly [L in TrafficLayer]?: string };
  }[];
}

/** The first range that has the address decides. */
export const mainMatcher = (all: readonly ChainsOfAddresses[]): Matcher => ({
  matcher_tree: {
    input: input('ip', 'envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput'),
    custom_match: {
      name: 'ip',
      typed_config: typed('xds.type.matcher.v3.IPMatcher', {
        range_matchers: all.map(({ addresses, ports }) => ({
          ranges: addresses.map(addressRange),
          on_match: byPort(ports),
        })),
      }),
    },
  },
});

function byPort(ports: ChainsOfAddresses['ports']): OnMatch {
  const [first] = ports;
  if (first !== undefined && first.port === 0) return byLayer(first.chains);
  return {
    matcher: {
      matcher_tree: {
        input: input('port', 'envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput'),
        exact_match_map: { map: Object.fromEntries(ports.map(({ port, chains }) => [`${port}`, byLayer(chains)])) },
      },
    },
  };
}

function byLayer({ tcp, http }: ChainsOfAddresses['ports'][number]['chains']): OnMatch {
  if (tcp === undefined || http === undefined) return chain(tcp ?? http ?? '');
  return {
    matcher: {
      matcher_tree: {
        input: input(
          'application-protocol',
          'envoy.extensions.matching.common_inputs.network.v3.ApplicationProtocolInput',
        ),
        exact_match_map: { map: { "'h2c'": chain(http), "'http/1.1'": chain(http) } },
      },
      on_no_match: chain(tcp),
    },
  };
}

const chain = (name: string): OnMatch => ({
  action: { name, typed_config: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: name } },
});

const input = (
  name: string,
  type: `envoy.extensions.matching.common_inputs.network.v3.${'DestinationIP' | 'DestinationPort' | 'ApplicationProtocol'}Input`,
): Input => extension(name, type, {});

/** `10.1.0.1`, `10.1.0.0/16`, `fd00::1` */
function addressRange(text: string) {
  const [address = '', length] = text.split('/');
  return {
    address_prefix: address,
    prefix_len: length === undefined ? (address.includes(':') ? 128 : 32) : Number(length),
  };
}
