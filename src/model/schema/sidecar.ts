// Sidecar: what a workload's proxy accepts and what it can reach.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import type { Static } from './fields.ts';
import { list, message, oneOf, port, string } from './fields.ts';
import { WorkloadSelector } from './common.ts';
import { ConnectionPoolSettings } from './destination-rule.ts';
import { ServerTLSSettings } from './gateway.ts';
import { Destination } from './virtual-service.ts';

export const SidecarPort = message({ number: port, protocol: string, name: string, targetPort: port });
export type SidecarPort = Static<typeof SidecarPort>;

export const CaptureMode = oneOf('DEFAULT', 'IPTABLES', 'NONE');
export type CaptureMode = Static<typeof CaptureMode>;

export const IstioIngressListener = message(
  {
    port: SidecarPort,
    bind: string,
    captureMode: CaptureMode,
    defaultEndpoint: string,
    tls: ServerTLSSettings,
    connectionPool: ConnectionPoolSettings,
  },
  ['port'],
);
export type IstioIngressListener = Static<typeof IstioIngressListener>;

export const IstioEgressListener = message(
  { port: SidecarPort, bind: string, captureMode: CaptureMode, hosts: list(string) },
  ['hosts'],
);
export type IstioEgressListener = Static<typeof IstioEgressListener>;

export const OutboundTrafficPolicy = message({ mode: oneOf('REGISTRY_ONLY', 'ALLOW_ANY'), egressProxy: Destination });
export type OutboundTrafficPolicy = Static<typeof OutboundTrafficPolicy>;

export const SidecarSpec = message({
  workloadSelector: WorkloadSelector,
  ingress: list(IstioIngressListener),
  egress: list(IstioEgressListener),
  inboundConnectionPool: ConnectionPoolSettings,
  outboundTrafficPolicy: OutboundTrafficPolicy,
});
export type SidecarSpec = Static<typeof SidecarSpec>;
