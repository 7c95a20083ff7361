// What of a Pod's traffic goes through its proxy: annotations, else the installation's values, else everything.
// https://istio.io/latest/docs/reference/config/annotations/#SidecarTrafficIncludeInboundPorts
import { servicePorts } from '../../../bootstrap/pod-environment.ts';
import type { InterceptionOptions } from '../../../interception/options.ts';
import { listOf } from '../pod/annotations.ts';
import type { StringMap } from '../pod/pod.ts';
import type { Context } from './context.ts';
import { proxyIdentity } from './context.ts';

const prefix = 'traffic.sidecar.istio.io/';

/** undefined: nothing is redirected. */
export function interceptionOf(context: Context): InterceptionOptions | undefined {
  const { mode, annotations, statusPort, settings, config } = context;
  if (mode === 'NONE') return undefined;
  const { uid, gid } = proxyIdentity(context);
  const wanted = wantedOf(context);
  return {
    mode,
    outboundPort: settings.mesh.proxyListenPort || 15001,
    inboundPort: settings.mesh.proxyInboundListenPort || 15006,
    proxyUids: [String(uid)],
    proxyGids: [String(gid)],
    inboundPorts: numbersOrAll(wanted.includeInboundPorts),
    excludedInboundPorts: [
      servicePorts.metrics,
      servicePorts.readiness,
      ...listOf(wanted.excludeInboundPorts).map(Number),
      ...(statusPort > 0 ? [statusPort] : []),
    ],
    outboundPorts: numbersOrAll(wanted.includeOutboundPorts),
    excludedOutboundPorts: listOf(wanted.excludeOutboundPorts).map(Number),
    outboundRanges: wanted.includeOutboundIPRanges.trim() === '*' ? '*' : listOf(wanted.includeOutboundIPRanges),
    excludedOutboundRanges: listOf(wanted.excludeOutboundIPRanges),
    virtualInterfaces: listOf(
      annotations['istio.io/reroute-virtual-interfaces'] ?? annotations[`${prefix}kubevirtInterfaces`],
    ),
    excludedInterfaces: listOf(annotations[`${prefix}excludeInterfaces`]),
    captureDns: config.proxyMetadata?.['ISTIO_META_DNS_CAPTURE'] === 'true',
  };
}

interface Wanted {
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly includeOutboundIPRanges: string;
  readonly excludeOutboundIPRanges: string;
}

function wantedOf({ annotations, values }: Context): Wanted {
  const of = (name: string, value: string, otherwise = ''): string =>
    annotations[`${prefix}${name}`] ?? values.text(`global.proxy.${value}`) ?? otherwise;
  return {
    includeInboundPorts: of('includeInboundPorts', 'includeInboundPorts', '*'),
    excludeInboundPorts: of('excludeInboundPorts', 'excludeInboundPorts'),
    includeOutboundPorts: of('includeOutboundPorts', 'includeOutboundPorts'),
    excludeOutboundPorts: of('excludeOutboundPorts', 'excludeOutboundPorts'),
    includeOutboundIPRanges: of('includeOutboundIPRanges', 'includeIPRanges', '*'),
    excludeOutboundIPRanges: of('excludeOutboundIPRanges', 'excludeIPRanges'),
  };
}

const numbersOrAll = (text: string): '*' | readonly number[] => (text.trim() === '*' ? '*' : listOf(text).map(Number));

/** What a CNI plugin reads, as there are no arguments for it. */
export function cniAnnotations(context: Context): StringMap {
  if (!context.cni || context.mode === 'NONE') return {};
  const wanted = wantedOf(context);
  const excluded = [...listOf(wanted.excludeInboundPorts), ...(context.statusPort > 0 ? [context.statusPort] : [])];
  const multus = context.values.text('pilot.cni.provider') === 'multus';
  const networks = context.annotations['k8s.v1.cni.cncf.io/networks'];
  return {
    ...(multus && { 'k8s.v1.cni.cncf.io/networks': withNetwork(networks) }),
    'sidecar.istio.io/interceptionMode': context.mode,
    [`${prefix}includeOutboundIPRanges`]: wanted.includeOutboundIPRanges,
    ...present('excludeOutboundIPRanges', wanted.excludeOutboundIPRanges),
    [`${prefix}includeInboundPorts`]: wanted.includeInboundPorts,
    ...present('excludeInboundPorts', excluded.join(',')),
    ...present('includeOutboundPorts', wanted.includeOutboundPorts),
    ...present('excludeOutboundPorts', wanted.excludeOutboundPorts),
  };
}

const present = (name: string, value: string): StringMap => (value === '' ? {} : { [`${prefix}${name}`]: value });

const cniNetwork = 'default/istio-cni';

function withNetwork(networks: string | undefined): string {
  if (networks === undefined || networks.trim() === '') return cniNetwork;
  return networks.split(',').some((each) => each.trim() === cniNetwork) ? networks : `${networks},${cniNetwork}`;
}
