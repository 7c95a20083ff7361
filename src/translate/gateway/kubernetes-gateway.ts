// Gateways of Gateway API as east-west gateways: which listeners pass the mesh's mutual TLS on, and for which network they
// are the way in.
// https://istio.io/latest/docs/setup/install/multicluster/multi-primary_multi-network/
import type { Gateway as MeshGateway, SourcedServer } from '../../model/gateway.ts';
import { networkLabel } from '../../model/labels.ts';
import { memo } from '../../model/memo.ts';
import type { gatewayApi, KindMap } from '../../model/schema/index.ts';
import { at } from '../../model/source.ts';

type Gateway = KindMap['KubernetesGateway'];
type GatewayListener = gatewayApi.GatewayListener;

export const gatewayPortLabel = 'networking.istio.io/gatewayPort';
/** Where east-west gateways listen unless something else is said. */
export const defaultGatewayPort = 15443;

const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';
const protocolOption = 'gateway.istio.io/listener-protocol';
const remoteClass = 'istio-remote';
/** Classes whose Gateways have workloads of their own here. */
const deployedClasses = ['istio', 'istio-east-west'];

/** For connections between networks: by its option, or by the port that a network's gateway has. */
export function isBetweenNetworks({ metadata: { labels } }: Gateway, { port, tls }: GatewayListener): boolean {
  if (tls === undefined) return false;
  if (tls.options?.[protocolOption] === 'auto-passthrough') return true;
  return (labels[networkLabel] ?? '') !== '' && String(port) === (labels[gatewayPortLabel] ?? `${defaultGatewayPort}`);
}

/** Whether the Gateway's own workloads listen. */
export const passesThrough = (gateway: Gateway, listener: GatewayListener): boolean =>
  isDeployed(gateway) &&
  listener.protocol === 'TLS' &&
  listener.tls?.mode === 'Passthrough' &&
  isBetweenNetworks(gateway, listener);

/** Workloads of a Gateway carry its name. */
export const isWorkloadOf = (
  { metadata }: Gateway,
  { namespace, labels }: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean => metadata.namespace === namespace && labels[gatewayNameLabel] === metadata.name;

/** Its listeners that pass mutual TLS on, for services of every namespace. */
export const gatewayBetweenNetworks = memo((gateway: Gateway): readonly MeshGateway[] => {
  const listeners = gateway.spec.listeners ?? [];
  const servers = listeners.flatMap((listener, i): readonly SourcedServer[] =>
    passesThrough(gateway, listener)
      ? [
          {
            source: at(gateway.source, `spec.listeners[${i}]`),
            server: {
              port: { number: listener.port, protocol: 'TLS', name: listener.name },
              hosts: [listener.hostname || '*'],
              tls: { mode: 'AUTO_PASSTHROUGH' },
            },
          },
        ]
      : [],
  );
  const { name, namespace, creationTimestamp: created } = gateway.metadata;
  const workloads = { by: 'labels', labels: { [gatewayNameLabel]: name } } as const;
  return servers.length === 0 ? [] : [{ source: gateway.source, name, namespace, created, workloads, servers }];
});

/** '' when it leads to none, or to nowhere: other networks need an IP address. */
export const networkOfGateway = (gateway: Gateway): string =>
  gatewayAddresses(gateway).length > 0 ? (gateway.metadata.labels[networkLabel] ?? '') : '';

/** Where other networks find it: addresses that are written down, not those that something assigned. */
export const gatewayAddresses = ({ spec }: Gateway): readonly string[] =>
  (spec.addresses ?? []).flatMap(({ type, value = '' }) => (type === 'IPAddress' && value !== '' ? [value] : []));

/** Why nothing comes of a listener; undefined when something does. */
export function whyNoEffect(gateway: Gateway, listener: GatewayListener): string | undefined {
  const betweenNetworks = isBetweenNetworks(gateway, listener);
  if (passesThrough(gateway, listener) || (betweenNetworks && networkOfGateway(gateway) !== '')) return undefined;
  const { gatewayClassName, addresses } = gateway.spec;
  if (!deployedClasses.includes(gatewayClassName) && gatewayClassName !== remoteClass)
    return `only Gateways of the classes ${[...deployedClasses, remoteClass].join(', ')} have`;
  if (!betweenNetworks)
    return `only TLS listeners for connections between networks have: those with the option ${protocolOption}: auto-passthrough, or on port ${defaultGatewayPort} of a Gateway with the label ${networkLabel}`;
  if (gatewayClassName === remoteClass)
    return `the gateway of a network elsewhere needs the label ${networkLabel} and an IP address in spec.addresses`;
  if (listener.protocol !== 'TLS' || listener.tls?.mode !== 'Passthrough')
    return 'connections between networks need the protocol TLS and the mode Passthrough';
  return `its workloads are those of ${addresses?.[0]?.value ?? 'a Service'}, and only workloads that are deployed for the Gateway listen`;
}

/** With a host name for an address, a Gateway is for the workloads of that Service instead of its own. */
const isDeployed = ({ spec: { gatewayClassName, addresses = [] } }: Gateway): boolean =>
  deployedClasses.includes(gatewayClassName) && !(addresses.length === 1 && addresses[0]?.type === 'Hostname');
