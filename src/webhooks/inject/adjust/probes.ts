// Probes and hooks of the application are led to the proxy's status port: the kubelet has no certificate of the mesh, and
// the application's own ports may take nothing without. What they were is told to the proxy.
// https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/
import type { AppProbe, AppProbes } from '../../../bootstrap/probes.ts';
import type { Container, Json, Pod, Probe } from '../pod/pod.ts';
import { defined } from '../pod/pod.ts';

export interface RewrittenProbes {
  readonly pod: Pod;
  /** By path on the status port, sorted. */
  readonly originals: AppProbes;
}

const healthFields = { readinessProbe: 'readyz', livenessProbe: 'livez', startupProbe: 'startupz' } as const;
const hookFields = { preStop: 'prestopz', postStart: 'poststartz' } as const;

/** Of all containers that `isOurs` does not claim. */
export function rewriteProbes(pod: Pod, statusPort: number, isOurs: (name: string) => boolean): RewrittenProbes {
  const originals: Record<string, AppProbe> = {};
  const rewrite = (container: Container): Container =>
    isOurs(container.name) ? container : rewriteContainer(container, statusPort, originals);
  const { containers, initContainers } = pod.spec;
  const spec = {
    ...pod.spec,
    containers: containers.map(rewrite),
    ...(initContainers && { initContainers: initContainers.map(rewrite) }),
  };
  const sorted = Object.entries(originals).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { pod: { ...pod, spec }, originals: Object.fromEntries(sorted) };
}

function rewriteContainer(container: Container, statusPort: number, originals: Record<string, AppProbe>): Container {
  const led = (path: string, probe: Probe): Probe => {
    const original = resolved(probe, container);
    if (original !== undefined) originals[path] = original;
    return redirected(probe, path, statusPort);
  };
  const rewritten: Record<string, unknown> = { ...container };
  for (const [field, word] of Object.entries(healthFields)) {
    const probe = container[field] as Probe | undefined;
    if (isNetworked(probe)) rewritten[field] = led(`/app-health/${container.name}/${word}`, probe);
  }
  const lifecycle: Record<string, unknown> = { ...container.lifecycle };
  for (const [field, word] of Object.entries(hookFields)) {
    const hook = lifecycle[field] as Probe | undefined;
    if (isNetworked(hook)) lifecycle[field] = led(`/app-lifecycle/${container.name}/${word}`, hook);
  }
  if (container.lifecycle) rewritten['lifecycle'] = lifecycle;
  return rewritten as Container;
}

/** Not a command in the container, and not led there already. */
const isNetworked = (probe: Probe | undefined | null): probe is Probe =>
  Boolean(probe && (probe.httpGet ?? probe.tcpSocket ?? probe.grpc)) && !isRewritten(probe?.httpGet?.['path']);

const isRewritten = (path: unknown): boolean => typeof path === 'string' && /^\/app-(health|lifecycle)\//.test(path);

/** Over HTTP whatever it was: the status port speaks nothing else. */
function redirected({ httpGet, tcpSocket: _tcp, grpc: _grpc, ...rest }: Probe, path: string, port: number): Probe {
  const scheme = httpGet?.['scheme'] === undefined ? undefined : 'HTTP';
  return { ...rest, httpGet: defined({ ...httpGet, scheme, path, port }) };
}

/** undefined: its port is a name that no port has, so that nobody can answer for it. */
function resolved(
  { httpGet, tcpSocket, grpc, timeoutSeconds }: Probe,
  { ports = [] }: Container,
): AppProbe | undefined {
  const number = (port: unknown): number | undefined =>
    typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort;
  const asked: Json | undefined = httpGet ?? tcpSocket ?? grpc;
  const port = number(asked?.['port']);
  if (port === undefined) return undefined;
  const handler = httpGet
    ? { httpGet: { ...httpGet, port } }
    : tcpSocket
      ? { tcpSocket: { ...tcpSocket, port } }
      : { grpc: { ...grpc, port } };
  return defined({ ...handler, timeoutSeconds }) as AppProbe;
}
