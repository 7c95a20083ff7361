// What the listeners of one proxy depend on besides the mesh and its view: few plain facts, shared by all proxies for
// which they are the same, so that what is built from them is shared as well.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
import { memo, sharedValue } from '../../../model/memo.ts';
import type { ExtensionUse } from '../../../model/mesh/extension.ts';
import { supportsIpv4, supportsIpv6 } from '../../../model/mesh/address-families.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import type { ConnectionLimits } from '../filter/connection-settings.ts';
import { connectionLimits } from '../filter/connection-settings.ts';
import type { HeaderSettings } from '../filter/proxy-headers.ts';
import { headerSettings } from '../filter/proxy-headers.ts';
import type { MeteredWorkload, OwnNames } from '../telemetry/metered.ts';
import { meteredBy } from '../telemetry/metered.ts';
import type { Traced } from '../telemetry/traced.ts';
import { tracedBy } from '../telemetry/traced.ts';

type Duration = NonNullable<MessageOf['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy']['idle_timeout']>;

/** Addresses by family, IPv4 first: the first one is bound, the others are additional. */
export interface LocalAddresses {
  readonly wildcards: readonly [string, ...string[]];
  readonly loopbacks: readonly [string, ...string[]];
}

/** What holds for every connection through the proxy in one direction. */
export interface ConnectionFacts {
  readonly idleTimeout?: Duration;
  /**
   * The proxy says that its standard output is no file that it could open, as when it is a socket or another user's:
   * what is to be logged on /dev/stdout is then written to the open stream itself.
   */
  readonly stdoutStream?: true;
  readonly extensions?: readonly ExtensionUse[];
  /** Absent: as MeshConfig says. */
  readonly telemetry?: TrafficTelemetry;
  /** Only where metrics are counted: names in it keep workloads from sharing their listeners. */
  readonly metered?: MeteredWorkload;
}

/** What every HTTP connection manager of the proxy has in common in one direction. */
export interface HttpFacts {
  readonly connection: ConnectionFacts;
  readonly acceptHttp10: boolean;
  /** Only with tracing: names in it keep workloads from sharing their listeners. */
  readonly traced?: Traced;
  readonly headers: HeaderSettings;
  readonly limits?: ConnectionLimits;
}

const ipv4: LocalAddresses = { wildcards: ['0.0.0.0'], loopbacks: ['127.0.0.1'] };
const ipv6: LocalAddresses = { wildcards: ['::'], loopbacks: ['::1'] };
const dualStack: LocalAddresses = { wildcards: ['0.0.0.0', '::'], loopbacks: ['127.0.0.1', '::1'] };

export function localAddresses(proxy: Proxy): LocalAddresses {
  if (!supportsIpv6(proxy)) return ipv4;
  return supportsIpv4(proxy) ? dualStack : ipv6;
}

/** Where connections of all services come in: of both families only if workloads are to use both. */
export function entryAddresses({ features }: MeshSettings, proxy: Proxy): LocalAddresses['wildcards'] {
  const [wildcard, ...others] = localAddresses(proxy).wildcards;
  return features.dualStack ? [wildcard, ...others] : [wildcard];
}

/** `telemetry` of the direction that the connection managers are for. */
export const httpFacts = memo(
  (
    settings: MeshSettings,
    proxy: Proxy,
    telemetry: TrafficTelemetry | undefined,
    names: OwnNames = 'literal',
  ): HttpFacts => {
    const traced = tracedBy(settings, proxy, telemetry, names);
    const limits = connectionLimits(settings, proxy);
    const own = sharedValue({
      acceptHttp10: settings.features.http10 || ['1', 'true'].includes(String(proxy.metadata['HTTP10'])),
      ...(traced !== undefined && { traced }),
      headers: headerSettings(settings, proxy),
      ...(limits !== undefined && { limits }),
    });
    return managing(own, connectionFacts(proxy, telemetry, names));
  },
);

const managing = memo((own: Omit<HttpFacts, 'connection'>, connection: ConnectionFacts): HttpFacts => ({
  ...own,
  connection,
}));

const goDuration = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h)){1,4}$/;

/** From the workload's own metadata: what is no duration is ignored. */
function connectionFacts(proxy: Proxy, telemetry: TrafficTelemetry | undefined, names: OwnNames): ConnectionFacts {
  const { metadata, extensions } = proxy;
  const metered = meteredBy(proxy, telemetry, names);
  const idle = metadata['IDLE_TIMEOUT'];
  const own = sharedValue<ConnectionFacts>({
    ...(typeof idle === 'string' && goDuration.test(idle) && { idleTimeout: duration(idle) }),
    ...(String(metadata['STDOUT_STREAM']) === 'true' && { stdoutStream: true }),
    ...(extensions !== undefined && { extensions }),
    ...(metered !== undefined && { metered }),
  });
  return observed(own, telemetry);
}

const observed = memo((own: ConnectionFacts, telemetry: TrafficTelemetry | undefined): ConnectionFacts =>
  telemetry === undefined ? own : { ...own, telemetry },
);

/** For connections whose idling is not ours to judge. */
export const withoutIdleTimeout = memo(
  ({ idleTimeout: _judged, extensions: _none, ...others }: ConnectionFacts): ConnectionFacts => others,
);

/** Ports of the proxy's own listeners, where no wildcard listener may be put. */
export function reservedPorts(settings: MeshSettings, proxy: Proxy): readonly number[] {
  return [...statusPorts(proxy), outboundPort(settings), inboundListenerPort(settings)];
}

/** Where the proxy answers for itself: health and metrics. */
export const statusPorts = ({ metadata }: Proxy): readonly number[] =>
  [metadata['ENVOY_STATUS_PORT'] ?? 15021, metadata['ENVOY_PROMETHEUS_PORT'] ?? 15090].map(Number);

/** Port that outgoing connections are redirected to. */
export const outboundPort = (settings: MeshSettings): number => settings.proxyListenPort ?? 15001;
/** Port that incoming connections are redirected to. */
export const inboundListenerPort = (settings: MeshSettings): number => settings.proxyInboundListenPort ?? 15006;
