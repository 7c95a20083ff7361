// What stands in the status of Istio's kinds: conditions by type, messages of analyzers, and the addresses that were
// allocated for a ServiceEntry. Other tools may write fields of their own.
// https://istio.io/latest/docs/reference/config/istio.status/
import type { Kind } from '../../model/schema/index.ts';

const string = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const generation = { type: 'integer', format: 'int64', minimum: 0 };
const open = { 'x-kubernetes-preserve-unknown-fields': true };

const condition = {
  type: 'object',
  properties: {
    type: { type: 'string', maxLength: 316 },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    reason: { type: 'string', maxLength: 1024 },
    message: { type: 'string', maxLength: 32768 },
    observedGeneration: generation,
    lastTransitionTime: time,
    lastProbeTime: time,
  },
  required: ['type', 'status'],
};

const address = { type: 'object', properties: { host: string, value: string }, required: ['value'] };

export function statusSchema(kind: Kind): object {
  return {
    type: 'object',
    ...open,
    properties: {
      conditions: {
        type: 'array',
        items: condition,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      },
      observedGeneration: generation,
      validationMessages: { type: 'array', items: { type: 'object', ...open } },
      ...(kind === 'ServiceEntry' && { addresses: { type: 'array', items: address } }),
    },
  };
}
