// What the annotations of a Pod may say, checked before any of them has an effect: a Pod whose wish cannot be understood is
// refused, as a sidecar that ignores it would be found out much later.
// https://istio.io/latest/docs/reference/config/annotations/
import type { StringMap } from './pod.ts';

import { isIP } from 'node:net';

import { statsAnnotationChecks } from '../../../bootstrap/stats-annotations.ts';
import { configAnnotation, readProxyConfig } from '../proxy-config.ts';
import { isObject } from './pod.ts';

/** In a sentence what is wrong with a value; undefined: nothing. */
type Check = (value: string) => string | undefined;

const items = (value: string): readonly string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const unless =
  (fits: (value: string) => boolean, otherwise: string): Check =>
  (value) =>
    fits(value) ? undefined : otherwise;

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;

function isRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

const ports = unless((value) => items(value).every(isPort), 'write port numbers, separated by commas');
const portsOrAll = unless(
  (value) => value.trim() === '*' || items(value).every(isPort),
  'write port numbers, separated by commas, or * for all',
);
const ranges = unless((value) => items(value).every(isRange), 'write addresses or CIDR ranges, separated by commas');
const rangesOrAll = unless(
  (value) => value.trim() === '*' || items(value).every(isRange),
  'write addresses or CIDR ranges, separated by commas, or * for all',
);
const whole = unless((value) => /^\d{1,9}$/.test(value), 'write a whole number');
const truth = unless((value) => truths.has(value), 'write "true" or "false"');
const quantity = unless(
  (value) => value.length < 64 && /^[+-]?[\d.]+([eE][+-]?\d+|[numkKMGTPE]i?)?$/.test(value),
  'write a quantity as in resources, for example 100m or 128Mi',
);
const mode = unless((value) => ['REDIRECT', 'TPROXY', 'NONE'].includes(value), 'write REDIRECT, TPROXY or NONE');
const interfaces = unless(
  (value) => items(value).every((item) => /^[\w.:@-]{1,15}\+?$/.test(item)),
  'write names of network interfaces, separated by commas',
);
const objectsByName = unless(
  (value) => Object.values(parsedObject(value) ?? { none: undefined }).every(isObject),
  'write a JSON object of objects, each under its name',
);
const proxyConfig: Check = (value) => {
  const { errors } = readProxyConfig(value);
  return errors.length === 0 ? undefined : errors.join('; ');
};

/** As Go reads a truth. */
const truths = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false] as const),
]);

const checks: Readonly<Record<string, Check>> = {
  'sidecar.istio.io/interceptionMode': mode,
  'sidecar.istio.io/nativeSidecar': truth,
  'sidecar.istio.io/rewriteAppHTTPProbers': truth,
  'sidecar.istio.io/proxyCPU': quantity,
  'sidecar.istio.io/proxyCPULimit': quantity,
  'sidecar.istio.io/proxyMemory': quantity,
  'sidecar.istio.io/proxyMemoryLimit': quantity,
  'sidecar.istio.io/userVolume': objectsByName,
  'sidecar.istio.io/userVolumeMount': objectsByName,
  'status.sidecar.istio.io/port': unless(isPort, 'write a port number; 0 for none'),
  'readiness.status.sidecar.istio.io/initialDelaySeconds': whole,
  'readiness.status.sidecar.istio.io/periodSeconds': whole,
  'readiness.status.sidecar.istio.io/failureThreshold': whole,
  'traffic.sidecar.istio.io/includeInboundPorts': portsOrAll,
  'traffic.sidecar.istio.io/excludeInboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundPorts': portsOrAll,
  'traffic.sidecar.istio.io/excludeOutboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundIPRanges': rangesOrAll,
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': ranges,
  'traffic.sidecar.istio.io/excludeInterfaces': interfaces,
  'traffic.sidecar.istio.io/kubevirtInterfaces': interfaces,
  'istio.io/reroute-virtual-interfaces': interfaces,
  'prometheus.istio.io/merge-metrics': truth,
  ...statsAnnotationChecks,
  [configAnnotation]: proxyConfig,
};

const longestShown = 100;

/** Sentences that name annotation, value and remedy. */
export const annotationFaults = (annotations: StringMap): readonly string[] =>
  Object.entries(annotations).flatMap(([name, value]) => {
    const fault = Object.hasOwn(checks, name) ? checks[name]?.(value) : undefined;
    const shown = value.length > longestShown ? `${value.slice(0, longestShown)}...` : value;
    return fault === undefined
      ? []
      : [`metadata.annotations[${JSON.stringify(name)}] is ${JSON.stringify(shown)}: ${fault}`];
  });

/** undefined: the annotation is not there, or says neither. */
export const truthOf = (annotations: StringMap, name: string): boolean | undefined =>
  truths.get(annotations[name] ?? '');

/** The items of a list; of `*` that one. */
export const listOf = (text: string | undefined): readonly string[] => items(text ?? '');

/** A JSON object in an annotation; undefined where it is none. */
export function parsedObject(text: string | undefined): { readonly [field: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
