// What is done as asked and will still surprise: told to whoever creates the Pod.
import type { Container } from './pod/pod.ts';
import type { Context } from './render/context.ts';
import { bootstrapPatches } from './render/bootstrap-patches.ts';
import { appContainers, proxyIdentity } from './render/context.ts';

export const podWarnings = (context: Context): readonly string[] => [
  ...jobWarning(context),
  ...identityWarnings(context),
  ...bootstrapPatches(context).warnings,
  ...agentWarnings(context),
];

/** What only an agent in the Pod would read; `extraStatTags` and `statsCompression` are fields of `proxy.istio.io/config`. */
const forAgents = [
  'readiness.status.sidecar.istio.io/applicationPorts',
  'sidecar.istio.io/agentLogLevel',
  'sidecar.istio.io/extraStatTags',
  'sidecar.istio.io/statsCompression',
] as const;

const agentWarnings = ({ annotations }: Context): readonly string[] =>
  forAgents
    .filter((name) => name in annotations)
    .map((name) => `the annotation ${name} has no effect: there is no agent in the Pod that would read it`);

/** https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers */
function jobWarning({ native, owner }: Context): readonly string[] {
  if (native || !['Job', 'CronJob'].includes(owner.kind)) return [];
  return [
    `${owner.kind} ${owner.name} will never complete: its sidecar is an ordinary container, which does not end with the others. ` +
      'Let nodes run Kubernetes 1.33 or newer, or set the annotation sidecar.istio.io/nativeSidecar to "true" from 1.29 on.',
  ];
}

function identityWarnings(context: Context): readonly string[] {
  const { uid } = proxyIdentity(context);
  const podUser = context.pod.spec.securityContext?.['runAsUser'];
  const isProxyUser = ({ securityContext }: Container): boolean => (securityContext?.['runAsUser'] ?? podUser) === uid;
  return appContainers(context)
    .filter(isProxyUser)
    .map(
      ({ name }) =>
        `container ${name} runs as user ${uid}, which is the proxy's: its outbound traffic bypasses the mesh`,
    );
}
