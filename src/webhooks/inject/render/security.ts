// Rights of the injected containers: none but those without which the work cannot be done.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
import type { Json } from '../pod/pod.ts';
import type { Context } from './context.ts';

const seccomp = ({ values }: Context): Json =>
  values.object('global.proxy.seccompProfile') ?? { type: 'RuntimeDefault' };

const restricted = (context: Context): Json => ({
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  seccompProfile: seccomp(context),
});

/** A process with another user than root has no capabilities of its own, so those who need one are root with only that. */
export function proxySecurity(context: Context): Json {
  const capabilities = [
    ...(context.mode === 'TPROXY' ? ['NET_ADMIN'] : []),
    ...(context.annotations['sidecar.istio.io/capNetBindService'] === 'true' ? ['NET_BIND_SERVICE'] : []),
  ];
  const asRoot = capabilities.length > 0;
  return {
    ...restricted(context),
    capabilities: { ...(asRoot && { add: capabilities }), drop: ['ALL'] },
    runAsGroup: 1337,
    runAsNonRoot: !asRoot,
    runAsUser: asRoot ? 0 : 1337,
  };
}

/** Whoever writes the kernel's rules. */
export const interceptorSecurity = (context: Context): Json => ({
  ...restricted(context),
  capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
  runAsGroup: 0,
  runAsNonRoot: false,
  runAsUser: 0,
});

/** Whoever only writes files, or looks whether rules are there. */
export const plainSecurity = (context: Context): Json => ({
  ...restricted(context),
  capabilities: { drop: ['ALL'] },
  runAsGroup: 1337,
  runAsNonRoot: true,
  runAsUser: 1337,
});
