// In the place of a load balancer: every Service that wants one gets 10.97.x.y for its 10.96.x.y, or the address that it asks for
// if that is one of these, which the nodes' own packet filters then serve; what runs beside the cluster gets routes to a node.
// https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer
import { setTimeout as delay } from 'node:timers/promises';

import { docker, inside } from '../cluster/docker.ts';
import { kubectl } from '../cluster/kind.ts';

const services = '10.96.0.0/15';
const pods = '10.244.0.0/16';
const given = '10.97.';

interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly type?: string; readonly clusterIP: string; readonly loadBalancerIP?: string };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly object[] } };
}

/** Gives addresses until the signal is aborted. */
export async function giveAddresses(signal: AbortSignal): Promise<void> {
  await leadToNodes();
  while (!signal.aborted) {
    const list = await kubectl(['get', 'services', '--all-namespaces', '--output', 'json']).catch(() => '{"items":[]}');
    const { items } = JSON.parse(list) as { readonly items: readonly Service[] };
    await Promise.all(items.filter(isWaiting).map((service) => giveAddress(service)));
    await delay(100);
  }
}

async function leadToNodes(): Promise<void> {
  const jsonPath = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const address = (await kubectl(['get', 'nodes', '--output', jsonPath])).trim();
  for (const range of [services, pods]) await inside('ip', ['route', 'replace', range, 'via', address]);
  const nodes = (await docker('ps', '--filter', 'label=io.x-k8s.kind.role', '--format', '{{.Names}}')).trim();
  for (const node of nodes.split('\n')) await refuseUnknown(node);
}

/**
 * An address that a node has no rule for yet is refused: forwarded as it stands, the connection would be remembered as one
 * that needs no translation, and hang for as long as its client tries again.
 */
async function refuseUnknown(node: string): Promise<void> {
  const rule = ['FORWARD', '--destination', services, '--protocol', 'tcp', '--jump', 'REJECT', '--reject-with', 'tcp-reset']; // prettier-ignore
  const tables = (verb: string) => docker('exec', node, 'iptables', '--wait', verb, ...rule);
  await tables('--check').catch(() => tables('--insert'));
}

const isWaiting = ({ spec, status }: Service): boolean =>
  spec.type === 'LoadBalancer' &&
  status.loadBalancer?.ingress === undefined &&
  (spec.loadBalancerIP ?? given).startsWith(given);

async function giveAddress({ metadata, spec }: Service): Promise<void> {
  const ip = spec.loadBalancerIP ?? spec.clusterIP.replace(/^10\.96\./, given);
  const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip }] } } });
  const target = ['--namespace', metadata.namespace, 'patch', 'service', metadata.name, '--subresource=status'];
  // A Service that is gone by now needs none.
  await kubectl([...target, '--type=merge', '--patch', patch]).catch(() => undefined);
}
