// Every point of the table in docs/injection.md, held by a check of its own; and no check for what the table does not say.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect, test } from 'vitest';

import { injectPod } from '../../../src/webhooks/inject/inject-pod.ts';
import { injectManifest } from '../../../src/webhooks/inject/manifests.ts';
import { readPod } from '../../../src/webhooks/inject/pod/pod.ts';
import type { InjectionSettings } from '../../../src/webhooks/inject/settings.ts';
import { place, settingsWith } from './settings.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

interface Wishes {
  readonly labels?: object;
  readonly annotations?: object;
  readonly spec?: object;
}

const app = { name: 'app', image: 'harbour/app:1', ports: [{ containerPort: 8080 }] };
const podOf = ({ labels, annotations, spec }: Wishes): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'app-', labels: { app: 'app', ...labels }, annotations: { ...annotations } },
  spec: { containers: [app], ...spec },
});

function outcome(pod: object, settings: Partial<InjectionSettings> = {}): Any {
  const read = readPod(pod);
  if ('fault' in read) throw new Error(read.fault);
  return injectPod(read.pod, place, settingsWith(settings));
}
const injected = (wishes: Wishes = {}, settings: Partial<InjectionSettings> = {}): Any => {
  const result = outcome(podOf(wishes), settings);
  expect(result.kind).toBe('injected');
  return result.pod;
};
const classic = { 'sidecar.istio.io/nativeSidecar': 'false' };
const gateway = { annotations: { 'inject.istio.io/templates': 'gateway' }, spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] } }; // prettier-ignore
const named = (list: Any, name: string): Any => list.find((each: Any) => each.name === name);
const proxy = ({ spec }: Any): Any => named([...(spec.initContainers ?? []), ...spec.containers], 'istio-proxy');
const init = ({ spec }: Any): Any => named(spec.initContainers, 'istio-init');
const names = (list: Any): readonly string[] => (list ?? []).map((each: Any) => each.name);
const status = (pod: Any): Any => JSON.parse(pod.metadata.annotations['sidecar.istio.io/status']);

const points: Readonly<Record<string, () => void>> = {
  'who gets a sidecar, and from which revision': () => {
    expect(outcome(podOf({ labels: { 'sidecar.istio.io/inject': 'false' } })).kind).not.toBe('injected');
    expect(outcome(podOf({ spec: { hostNetwork: true } })).kind).not.toBe('injected');
    expect(injected({}, { revision: 'canary' }).metadata.annotations['istio.io/rev']).toBe('canary');
  },
  refusals: () => {
    const annotation = 'traffic.sidecar.istio.io/includeOutboundIPRanges';
    const text = JSON.stringify(outcome(podOf({ annotations: { [annotation]: 'nowhere' } })));
    expect(text).toContain(annotation);
    expect(text).toContain('nowhere');
  },
  labels: () => {
    expect(injected({ labels: { version: 'v2' } }).metadata.labels).toEqual({
      app: 'app',
      version: 'v2',
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': 'app',
      'service.istio.io/canonical-revision': 'v2',
    });
  },
  annotations: () => {
    const port = (value: string): unknown =>
      injected({ annotations: { 'status.sidecar.istio.io/port': value } }).metadata.annotations['prometheus.io/port'];
    expect([port('15099'), port('0')]).toEqual(['15099', undefined]);
  },
  'CronJobs by hand': () => {
    const template = { metadata: { labels: { app: 'tally' } }, spec: { containers: [app] } };
    const jobTemplate = { metadata: { labels: { job: 'tally' } }, spec: { template } };
    const cronJob = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tally' }, spec: { jobTemplate } };
    const { object } = injectManifest(cronJob, settingsWith(), { namespace: 'shop', drainToken: () => 'token' });
    const job = (object as Any).spec.jobTemplate;
    expect(job.metadata).toEqual(jobTemplate.metadata);
    expect(job.spec.template.metadata.labels['service.istio.io/canonical-name']).toBe('tally');
  },
  '`sidecar.istio.io/status`': () => {
    expect(status(injected())).toEqual({
      initContainers: ['istio-init', 'istio-proxy'],
      containers: null,
      volumes: ['istio-envoy', 'istio-podinfo', 'istio-token', 'istiod-ca-cert'],
      imagePullSecrets: null,
      revision: 'default',
    });
    const none = { 'sidecar.istio.io/interceptionMode': 'NONE' };
    expect(status(injected({ annotations: none })).initContainers).toContain('istio-bootstrap');
  },
  'order of init containers': () => {
    const spec = { initContainers: [{ name: 'first', image: 'harbour/first:1' }] };
    expect(names(injected({ spec }).spec.initContainers)).toEqual(['istio-init', 'istio-proxy', 'first']);
    expect(names(injected({ spec, annotations: classic }).spec.initContainers)).toEqual(['first', 'istio-init']);
  },
  'order of containers': () => {
    expect(names(injected({ annotations: classic }).spec.containers)).toEqual(['istio-proxy', 'app']);
  },
  'arguments of `istio-init`': () => {
    const annotations = { 'traffic.sidecar.istio.io/excludeInboundPorts': '9000', 'traffic.sidecar.istio.io/excludeOutboundPorts': '5432' }; // prettier-ignore
    expect(init(injected({ annotations })).args.join(' ')).toBe(
      'intercept -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,9000,15020 -o 5432',
    );
  },
  'rights of `istio-init`': () => {
    expect(init(injected()).securityContext).toMatchObject({
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
    });
  },
  'image and arguments of `istio-proxy`': () => {
    const { image, command, args } = proxy(injected({ annotations: { 'sidecar.istio.io/proxyImageType': 'distroless' } })); // prettier-ignore
    expect(image).toBe('docker.io/envoyproxy/envoy:distroless-v1.40.0');
    expect([...command, ...args.slice(0, 2)]).toEqual(['/usr/local/bin/envoy', '-c', '/etc/istio/proxy/envoy.json']);
  },
  'log levels, concurrency, resources, ports': () => {
    const annotations = { 'sidecar.istio.io/logLevel': 'debug', 'sidecar.istio.io/proxyCPU': '300m' };
    const { args, resources, ports } = proxy(injected({ annotations }));
    expect(args.join(' ')).toContain('--log-level debug');
    expect(resources.requests.cpu).toBe('300m');
    expect(ports).toEqual([{ name: 'http-envoy-prom', containerPort: 15090, protocol: 'TCP' }]);
  },
  variables: () => {
    const pod = injected();
    const missing = new Set(['PILOT_CERT_PROVIDER', 'CA_ADDR', 'GOMEMLIMIT']);
    expect(names(proxy(pod).env).filter((name) => missing.has(name))).toEqual([]);
    for (const name of ['POD_NAME', 'ISTIO_META_CLUSTER_ID', 'ISTIO_META_WORKLOAD_NAME', 'TRUST_DOMAIN'])
      expect([names(proxy(pod).env), names(init(pod).env)].every((list) => list.includes(name))).toBe(true);
  },
  'readiness and startup probes': () => {
    for (const pod of [injected(), injected(gateway)]) {
      expect(proxy(pod).startupProbe).toMatchObject({
        httpGet: { port: 15021 },
        periodSeconds: 1,
        failureThreshold: 600,
      });
      expect(proxy(pod).readinessProbe).toMatchObject({
        httpGet: { port: 15021 },
        periodSeconds: 15,
        failureThreshold: 4,
      });
    }
  },
  '`preStop`': () => {
    for (const pod of [injected(), injected({ annotations: classic }), injected(gateway)])
      expect(proxy(pod).lifecycle.preStop.httpGet.path).toBe('/keelson/drain');
    const without = injected({ annotations: { 'status.sidecar.istio.io/port': '0' } });
    expect(proxy(without).lifecycle?.preStop).toBeUndefined();
  },
  '`postStart`': () => {
    expect(proxy(injected({ annotations: classic })).lifecycle.postStart.exec.command[0]).toBe('/bin/bash');
    expect(proxy(injected()).lifecycle.postStart).toBeUndefined();
  },
  'the application’s probes and hooks': () => {
    const probed = { ...app, livenessProbe: { httpGet: { path: '/live', port: 8080 } } };
    const probe = (wishes: Wishes): unknown => named(injected({ ...wishes, spec: { containers: [probed] } }).spec.containers, 'app').livenessProbe.httpGet; // prettier-ignore
    expect(probe({})).toMatchObject({ path: '/app-health/app/livez', port: 15020 });
    expect(probe({ annotations: { 'status.sidecar.istio.io/port': '0' } })).toEqual({ path: '/live', port: 8080 });
  },
  'security context of `istio-proxy`': () => {
    for (const pod of [injected(), injected(gateway)])
      expect(proxy(pod).securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        runAsUser: 1337,
        seccompProfile: { type: 'RuntimeDefault' },
      });
  },
  'volumes and mounts': () => {
    const own = ['istio-envoy', 'istio-podinfo', 'istio-token', 'istiod-ca-cert'];
    expect(names(injected().spec.volumes).toSorted()).toEqual(own);
    expect(names(proxy(injected()).volumeMounts).toSorted()).toEqual(own);
  },
  '`bootstrapOverride`': () => {
    const pod = injected({ annotations: { 'sidecar.istio.io/bootstrapOverride': 'more' } });
    const volume = pod.spec.volumes.find((each: Any) => each.configMap?.name === 'more');
    expect(names(init(pod).volumeMounts)).toContain(volume.name);
  },
  'a Pod’s own `istio-proxy` container': () => {
    const own = { name: 'istio-proxy', image: 'auto', resources: { requests: { cpu: '500m' } }, readinessProbe: { exec: { command: ['/bin/true'] } } }; // prettier-ignore
    const container = proxy(injected({ spec: { containers: [app, own] } }));
    expect(container.image).toBe('docker.io/envoyproxy/envoy:v1.40.0');
    expect(container.resources.requests.cpu).toBe('500m');
    expect(container.readinessProbe.httpGet).toBeUndefined();
  },
  'injecting twice': () => {
    expect(outcome(injected())).toMatchObject({ kind: 'skipped', reason: 'the Pod has its sidecar already' });
  },
  'templates `grpc-agent`, `grpc-simple`': () => {
    for (const template of ['grpc-agent', 'grpc-simple'])
      expect(outcome(podOf({ annotations: { 'inject.istio.io/templates': template } })).kind).toBe('refused');
  },
  '`sts.servicePort`, `outlierLogPath`, `caAddress`, log scopes': () => {
    const annotations = { 'sidecar.istio.io/agentLogLevel': 'ads:debug' };
    expect(proxy(injected({ annotations })).args).toEqual(proxy(injected()).args);
  },
  'annotations for an agent: `agentLogLevel`, `applicationPorts`, `extraStatTags`, `statsCompression`': () => {
    const names = ['sidecar.istio.io/agentLogLevel', 'readiness.status.sidecar.istio.io/applicationPorts', 'sidecar.istio.io/extraStatTags', 'sidecar.istio.io/statsCompression']; // prettier-ignore
    const annotations = Object.fromEntries(names.map((name) => [name, '80']));
    const { warnings } = outcome(podOf({ annotations }));
    expect(names.filter((name) => !warnings.join().includes(name))).toEqual([]);
    expect(outcome(podOf({})).warnings).toEqual([]);
  },
};

const documented = readFileSync(resolve(import.meta.dirname, '../../../docs/injection.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!point|--|port)/.test(line) && !/^\| \d+ /.test(line))
  .map((line) => (line.split('|')[1] ?? '').trim().replaceAll("'", '’'));

test('the table and the checks are about the same', () => {
  expect(documented.toSorted()).toEqual(Object.keys(points).toSorted());
});

test.each(Object.entries(points))('%s', (_point, check) => check());
