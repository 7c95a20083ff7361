// What the webhooks decide, under istiod's names: objects that were let in or refused, Pods that got a sidecar.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics
import type { Registry } from 'prom-client';
import { Counter } from 'prom-client';

/** What was asked about; callers choose it, so only what is one of the mesh's kinds may become a label. */
export interface Validated {
  readonly group: string;
  readonly version: string;
  /** The plural. */
  readonly resource: string;
}

export interface AdmissionMetrics {
  readonly validated: (what: Validated, allowed: boolean) => void;
  readonly injection: (outcome: 'injected' | 'skipped' | 'refused') => void;
}

export function admissionMetrics(registry: Registry): AdmissionMetrics {
  const labelNames = ['group', 'version', 'resource'] as const;
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
  const registers = [registry];
  const passed = new Counter({ name: 'galley_validation_passed', help: 'Objects let in.', labelNames, registers });
  const failed = new Counter({
    name: 'galley_validation_failed',
    help: 'Objects refused.',
    labelNames: [...labelNames, 'reason'],
    registers,
  });
  const requests = counter('sidecar_injection_requests_total', 'Pods that could get a sidecar.');
  const outcomes = {
    injected: counter('sidecar_injection_success_total', 'Pods that got a sidecar.'),
    skipped: counter('sidecar_injection_skip_total', 'Pods that are to have no sidecar.'),
    refused: counter('sidecar_injection_failure_total', 'Pods that no sidecar can be added to.'),
  };
  return {
    validated: (what, allowed) =>
      allowed ? passed.inc({ ...what }) : failed.inc({ ...what, reason: 'invalid_resource' }),
    injection: (outcome) => {
      requests.inc();
      outcomes[outcome].inc();
    },
  };
}
