// Gateways between networks: which listeners pass the mesh's mutual TLS on untouched, and where other networks find them.
// https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/
import { networkLabel } from '../../../../model/mesh/labels.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import type { Listener } from './listener.ts';

type Labels = Readonly<Record<string, string>>;

export const gatewayPortLabel = 'networking.istio.io/gatewayPort';
/** Where east-west gateways listen unless something else is said. */
export const defaultGatewayPort = 15443;

const protocolOption = 'gateway.istio.io/listener-protocol';

/** For connections between networks: by its option, or by the port that a network's gateway has. */
export function isBetweenNetworks(labels: Labels, { port, tls }: Pick<Listener, 'port' | 'tls'>): boolean {
  if (tls === undefined) return false;
  if (tls.options?.[protocolOption] === 'auto-passthrough') return true;
  return (labels[networkLabel] ?? '') !== '' && String(port) === (labels[gatewayPortLabel] ?? `${defaultGatewayPort}`);
}

/** '' when it leads to none, or to nowhere: other networks need an IP address. */
export const networkOfGateway = (gateway: KindMap['KubernetesGateway']): string =>
  gatewayAddresses(gateway).length > 0 ? (gateway.metadata.labels[networkLabel] ?? '') : '';

/** Where other networks find it: addresses that are written down, not those that something assigned. */
export const gatewayAddresses = ({ spec }: KindMap['KubernetesGateway']): readonly string[] =>
  (spec.addresses ?? []).flatMap(({ type, value = '' }) => (type === 'IPAddress' && value !== '' ? [value] : []));
