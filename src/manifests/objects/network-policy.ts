// Who reaches the control plane's Pods, for clusters in which nothing else may: the ports it serves, from everywhere (proxies
// are everywhere, and the API server has no address that could be named), and all that it calls.
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
import type { Settings } from '../settings.ts';
import { controlPlane, namespaced, serviceSelector } from './names.ts';

export const networkPolicy = (settings: Settings): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: namespaced(settings, controlPlane(settings)),
  spec: {
    podSelector: { matchLabels: serviceSelector(settings) },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ports: [8080, 15010, 15012, 15014, 15017].map((port) => ({ protocol: 'TCP', port })) }],
    egress: [{}],
  },
});
