// Proxies of a cluster's workloads: connected to a replica, with the token that a Pod of their account has.
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';

import { credentials } from '@grpc/grpc-js';

import { DeltaClient } from '../../xds/ads-client.ts';
import { accountToken, find, resources, systemNamespace } from './replicas.ts';

export interface ClusterProxy {
  /** Of the namespace `shop`. */
  readonly account: string;
  readonly node: object;
}

/** The proxy of a Pod with this name. */
export const webProxy = (name: string): ClusterProxy => ({
  account: 'web',
  node: { id: `sidecar~10.2.0.1~${name}.shop~shop.svc.cluster.local`, metadata: { NAMESPACE: 'shop' } },
});

/** It has asked for nothing yet. */
export async function connectProxy(
  client: KubernetesClient,
  port: number,
  { account, node }: ClusterProxy,
): Promise<DeltaClient> {
  const token = await accountToken(client, { namespace: 'shop', name: account }, ['istio-ca']);
  return new DeltaClient(port, { node, token, channel: credentials.createSsl(await trustedRoots(client)) });
}

/** What clients trust, as PEM. */
export async function trustedRoots(client: KubernetesClient): Promise<Buffer> {
  const secret = await find(client, resources.secrets, 'istio-ca-secret', systemNamespace);
  const data = secret?.['data'] as Readonly<Record<string, string>> | undefined;
  return Buffer.from(data?.['root-cert.pem'] ?? '', 'base64');
}
