// What the proxy may use of its node. One annotation about it replaces the installation's values altogether.
// https://istio.io/latest/docs/reference/config/annotations/#SidecarProxyCPU
import type { Json } from '../pod/pod.ts';
import { defined } from '../pod/pod.ts';
import type { Context } from './context.ts';

const usual: Json = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } };

export const proxyResources = (context: Context): Json =>
  annotatedResources(context) ?? context.values.object('global.proxy.resources') ?? usual;

export function annotatedResources({ annotations }: Context): Json | undefined {
  const of = (suffix: string): Json | undefined => {
    const wanted = defined({
      cpu: annotations[`sidecar.istio.io/proxyCPU${suffix}`],
      memory: annotations[`sidecar.istio.io/proxyMemory${suffix}`],
    });
    return Object.keys(wanted).length === 0 ? undefined : wanted;
  };
  const [requests, limits] = [of(''), of('Limit')];
  return requests === undefined && limits === undefined ? undefined : defined({ requests, limits });
}
