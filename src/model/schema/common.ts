// Messages that several of Istio's kinds share: selectors and references to what a policy applies to.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import type { Static } from './fields.ts';
import { list, map, message, positivePort, string, text, oneOf } from './fields.ts';

const label = text({ maxLength: 63 });

/** `selector` of policies: type.v1beta1.WorkloadSelector. */
export const PolicyWorkloadSelector = message({ matchLabels: map(label, { maxProperties: 4096 }) });
export type PolicyWorkloadSelector = Static<typeof PolicyWorkloadSelector>;

/** `workloadSelector` of networking kinds: networking.v1.WorkloadSelector. */
export const WorkloadSelector = message({ labels: map(label, { maxProperties: 256 }) });
export type WorkloadSelector = Static<typeof WorkloadSelector>;

export const PolicyTargetReference = message(
  {
    group: text({ maxLength: 253 }),
    kind: text({ minLength: 1, maxLength: 63 }),
    name: text({ minLength: 1, maxLength: 253 }),
    namespace: string,
  },
  ['kind', 'name'],
);
export type PolicyTargetReference = Static<typeof PolicyTargetReference>;
export const targetReferences = list(PolicyTargetReference, { maxItems: 16 });

export const WorkloadMode = oneOf('UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER');
export type WorkloadMode = Static<typeof WorkloadMode>;

/** Which connections an extension sees: WasmPlugin.TrafficSelector. */
export const TrafficSelector = message({
  mode: WorkloadMode,
  ports: list(message({ number: positivePort }, ['number'])),
});
export type TrafficSelector = Static<typeof TrafficSelector>;
