// The two containers that injection adds: a stock Envoy, and before it the program that prepares the Pod for it.
// https://www.envoyproxy.io/docs/envoy/latest/operations/cli
import { drainRequest } from '../../../bootstrap/pod-services.ts';
import { podFiles, servicePorts } from '../../../bootstrap/pod-environment.ts';
import { interceptionArgs } from '../../../interception/options.ts';
import { parseDuration } from '../../../model/duration.ts';
import type { InjectorValues } from '../injector-config.ts';
import type { Container, Json, Probe } from '../pod/pod.ts';
import { defined } from '../pod/pod.ts';
import type { Context } from './context.ts';
import { proxyName } from './context.ts';
import { proxyEnvironment } from './environment.ts';
import { isDistroless, programImage, proxyImage } from './image.ts';
import { interceptionOf } from './interception.ts';
import { proxyResources } from './resources.ts';
import { interceptorSecurity, plainSecurity, proxySecurity } from './security.ts';
import { initMounts, proxyMounts } from './volumes.ts';

/** Who listens for its readiness decides when the application starts. */
export function proxyContainer(context: Context): Container {
  const { values, config, native, statusPort } = context;
  const image = proxyImage(context);
  const ready = statusPort === 0 ? undefined : readiness(context);
  return defined({
    name: proxyName,
    image,
    imagePullPolicy: values.text('global.imagePullPolicy'),
    command: [config.binaryPath],
    args: proxyArgs(context),
    ports: [{ name: 'http-envoy-prom', containerPort: servicePorts.metrics, protocol: 'TCP' }],
    env: proxyEnvironment(context),
    resources: proxyResources(context),
    securityContext: proxySecurity(context),
    volumeMounts: proxyMounts(context),
    readinessProbe: ready,
    startupProbe: ready && startup(values),
    lifecycle: lifecycle(context, image),
    restartPolicy: native ? 'Always' : undefined,
  }) as Container;
}

/** Envoy without an agent: workers as many as the container has processors, unless told. */
export function proxyArgs({ config, values, annotations }: Context): readonly string[] {
  const { concurrency } = config;
  const workers = concurrency === undefined ? '$(ISTIO_CPU_LIMIT)' : String(concurrency);
  const level = annotations['sidecar.istio.io/logLevel'] ?? values.text('global.proxy.logLevel') ?? 'warning';
  const components =
    annotations['sidecar.istio.io/componentLogLevel'] ?? values.text('global.proxy.componentLogLevel') ?? 'misc:error';
  return [
    ['-c', `${podFiles.directory}/${podFiles.bootstrap}`],
    concurrency === 0 ? [] : ['--concurrency', workers],
    ['--drain-time-s', String(wholeSeconds(config.drainDuration)), '--drain-strategy', 'immediate'],
    ['--disable-hot-restart', '--log-level', level, '--component-log-level', components],
    values.flag('global.logAsJson') === true ? ['--log-format', jsonLog] : [],
  ].flat();
}

const jsonLog = '{"level":"%l","time":"%Y-%m-%dT%T.%fZ","scope":"envoy %n","msg":"%j"}';

const wholeSeconds = (duration: string): number => Math.max(1, Math.round((parseDuration(duration) ?? 45_000) / 1000));

const readyRequest: Json = { httpGet: { path: '/healthz/ready', port: servicePorts.readiness } };

function readiness({ annotations, values }: Context): Probe {
  const seconds = (name: string, otherwise: number | undefined): number | undefined => {
    const own = annotations[`readiness.status.sidecar.istio.io/${name}`];
    return own === undefined ? otherwise : Number(own);
  };
  return defined({
    ...readyRequest,
    initialDelaySeconds:
      seconds('initialDelaySeconds', values.number('global.proxy.readinessInitialDelaySeconds')) || undefined,
    periodSeconds: seconds('periodSeconds', values.number('global.proxy.readinessPeriodSeconds') ?? 15),
    timeoutSeconds: 3,
    failureThreshold: seconds('failureThreshold', values.number('global.proxy.readinessFailureThreshold') ?? 4),
  });
}

function startup(values: InjectorValues): Probe | undefined {
  if (values.flag('global.proxy.startupProbe.enabled') === false) return undefined;
  const failureThreshold = values.number('global.proxy.startupProbe.failureThreshold') ?? 600;
  return { ...readyRequest, periodSeconds: 1, timeoutSeconds: 3, failureThreshold };
}

/**
 * The end: the kubelet asks the proxy to tell clients, and is kept waiting until they know. The beginning, where sidecars
 * are ordinary containers: the next one is started when this hook has ended, so that it waits for readiness. That takes a
 * shell, which distroless images lack.
 * https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
 */
function lifecycle(context: Context, image: string): Json | undefined {
  const { native, hold, statusPort, place, values } = context;
  const given = values.object('global.proxy.lifecycle');
  if (given !== undefined && Object.keys(given).length > 0) return given;
  if (statusPort === 0) return undefined;
  const httpHeaders = [{ name: drainRequest.header, value: place.drainToken }];
  return defined({
    postStart:
      native || !hold || isDistroless(image) ? undefined : { exec: { command: ['/bin/bash', '-c', untilReady] } },
    preStop: { httpGet: { path: drainRequest.path, port: statusPort, httpHeaders } },
  });
}

/** For a minute at most, as then something is wrong that starting again may cure. */
const untilReady =
  `for attempt in {1..240}; do if exec 3<>/dev/tcp/127.0.0.1/${servicePorts.readiness}; then ` +
  String.raw`printf 'GET /healthz/ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; ` +
  `if read -r -t 1 answer <&3 && [[ $answer == *" 200 "* ]]; then exit 0; fi; exec 3>&-; fi 2>/dev/null; sleep 0.25; done; exit 1`;

/** Writes the bootstrap; and the kernel's rules, looks for them, or leaves them alone. */
export function initContainer(context: Context, kind: 'sidecar' | 'gateway'): Container {
  const { values, mode, cni } = context;
  const work = kind === 'gateway' || mode === 'NONE' ? 'render' : cni ? 'validate' : 'apply';
  const rules = interceptionOf(context);
  return defined({
    name: { render: 'istio-bootstrap', validate: 'istio-validation', apply: 'istio-init' }[work],
    image: programImage(context),
    imagePullPolicy: values.text('global.imagePullPolicy'),
    args: [
      'intercept',
      ...(work === 'render' || rules === undefined ? [] : interceptionArgs(rules)),
      ...{ render: ['--skip-rule-apply'], validate: ['--run-validation', '--skip-rule-apply'], apply: [] }[work],
      ...(kind === 'gateway' ? ['--proxy-type', 'router'] : []),
    ],
    resources: values.object('global.proxy_init.resources') ?? proxyResources(context),
    securityContext: work === 'apply' ? interceptorSecurity(context) : plainSecurity(context),
    volumeMounts: initMounts(context),
  });
}
