// A request from workload to workload: at the proxy of who sends, then at the proxy of who receives, if it has one.
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import type { Direction } from './listener.ts';
import type { Connection } from './request.ts';
import type { Branch, Upstream } from './step.ts';
import { traceProxy } from './trace.ts';

/** A proxy of the mesh, and who it is in mutual TLS. */
export interface TracedProxy {
  /** `pod.namespace` */
  readonly name: string;
  readonly address: string;
  /** SPIFFE id. */
  readonly principal: string;
  readonly configuration: DecodedConfiguration;
}

export interface Hop {
  readonly proxy: string;
  readonly direction: Direction;
  readonly branches: readonly TracedBranch[];
}

export interface TracedBranch extends Branch {
  /** At the proxies that it may be sent to; one for each kind of endpoint that decides otherwise. */
  readonly next: readonly Hop[];
}

/** Of a branch, so that a service with many Pods does not make a long trace. */
const mostNext = 5;

/** `proxyAt`: the proxy that receives at an address; undefined if none does. */
export function traceJourney(
  from: TracedProxy,
  direction: Direction,
  connection: Connection,
  proxyAt: (address: string) => TracedProxy | undefined,
): Hop {
  const branches = traceProxy(from.configuration, direction, connection).map((branch): TracedBranch => {
    const isLeaving = direction === 'outbound' && branch.ending.kind === 'forwarded';
    const endpoints = isLeaving && branch.ending.kind === 'forwarded' ? branch.ending.endpoints.slice(0, mostNext) : [];
    const next = endpoints.flatMap((endpoint) => {
      const receiver = proxyAt(endpoint.address);
      if (receiver === undefined) return [];
      return [traceJourney(receiver, 'inbound', arriving(from, branch, endpoint), () => undefined)];
    });
    return { ...branch, next };
  });
  return { proxy: from.name, direction, branches };
}

const arriving = (from: TracedProxy, { sent }: Branch, { address, port, tls }: Upstream): Connection => ({
  source: { address: from.address, principal: tls?.mutual === true ? from.principal : undefined },
  destination: { address, port },
  tls: tls && { serverName: tls.serverName, protocols: tls.protocols },
  http: sent,
});
