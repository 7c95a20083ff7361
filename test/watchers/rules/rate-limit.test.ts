import { describe, expect, it } from 'vitest';

import type { Case } from './checking.ts';
import { specVerdict } from './checking.ts';

const local = [{ requests: 1 }];
const circuitBreaker = { maxRequests: 1 };
const target = (kind: string, group = '', more: object = {}) => ({
  targetRefs: [{ group, kind, name: 'web', ...more }],
});
const api = 'gateway.networking.k8s.io';
const istio = 'networking.istio.io';
const limit = (fields: object) => ({ local: [{ requests: 1, ...fields }] });
const descriptor = (entry: object) => ({
  global: { service: 'quotas', port: 1, domain: 'a', descriptors: [{ entries: [entry] }] },
});

const cases: readonly Case[] = [
  ['a limit for a namespace', { local }, []],
  ['limits of a route', { ...target('HTTPRoute', api), local }, []],
  ['limits of a VirtualService', { ...target('VirtualService', istio), local }, []],
  ['all that a Service can have', { ...target('Service'), local, circuitBreaker, retryBudget: { percent: 10 }, admissionControl: {} }, []],
  ['all that a workload can have', { local, circuitBreaker, adaptiveConcurrency: {}, admissionControl: {} }, []],
  ['nothing', {}, ['warning doubtful-value spec']],
  ['workloads and objects', { ...target('Service'), selector: { matchLabels: { app: 'web' } }, local }, ['error conflicting-fields spec']],
  ['another kind', { ...target('Pod'), local }, ['error unsupported-value spec.targetRefs[0]']],
  ['another group', { ...target('Gateway', istio), local }, ['error unsupported-value spec.targetRefs[0]']],
  ['another namespace', { ...target('Service', '', { namespace: 'far' }), local }, ['error unsupported-value spec.targetRefs[0].namespace']],
  ['a route with more than local limits', { ...target('HTTPRoute', api), local, admissionControl: {} }, ['error conflicting-fields spec.admissionControl']],
  ['all that a gateway can have', { ...target('Gateway', api), local, circuitBreaker, retryBudget: {}, adaptiveConcurrency: {} }, []],
  ['a route as a destination', { ...target('HTTPRoute', api), circuitBreaker }, ['error conflicting-fields spec.circuitBreaker']],
  ['a budget of a workload', { retryBudget: {} }, ['error conflicting-fields spec.retryBudget']],
  ['a budget besides a number', { ...target('Service'), circuitBreaker: { maxRetries: 1 }, retryBudget: {} }, ['error conflicting-fields spec.circuitBreaker.maxRetries']],
  ['a budget above all', { ...target('Service'), retryBudget: { percent: 101 } }, ['error invalid-value spec.retryBudget.percent']],
  ['no requests', { circuitBreaker: { maxRequests: 0 } }, ['error invalid-value spec.circuitBreaker.maxRequests']],
  ['an interval that is too short', limit({ interval: '10ms' }), ['error invalid-value spec.local[0].interval']],
  ['a burst below the rate', limit({ requests: 5, burst: 4 }), ['error invalid-value spec.local[0].burst']],
  ['values of nothing', limit({ maxValues: 5 }), ['warning doubtful-value spec.local[0].maxValues']],
  ['two attributes in one', limit({ per: [{ header: 'a', path: true }] }), ['error conflicting-fields spec.local[0].per[0]']],
  ['no attribute', limit({ per: [{}] }), ['error required-field spec.local[0].per[0]']],
  ['an attribute that is not', limit({ per: [{ path: false }] }), ['error invalid-value spec.local[0].per[0].path']],
  ['a value without a key', descriptor({ value: 'a' }), ['error required-field spec.global.descriptors[0].entries[0].key']],
]; // prettier-ignore

describe('RateLimitPolicy', () => {
  it.each(cases)('%s', (_title, spec, expected) => expect(specVerdict('RateLimitPolicy', spec)).toEqual(expected));
});
