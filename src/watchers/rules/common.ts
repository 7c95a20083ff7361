// Checks that several kinds share: exclusive fields, durations, exportTo, selectors and targets of policies.
import type { ObjectBase } from '../../model/object.ts';
import type { PolicyTargetReference, PolicyWorkloadSelector } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, duplicate, invalid, unsupported } from '../draft.ts';
import { parseDuration } from '../../model/duration.ts';
import { isDnsLabel } from './syntax/host.ts';
import { checkSelector } from './syntax/labels.ts';

/** At most one of `names` may be set. */
export function* atMostOne(value: object, path: FieldPath, names: readonly string[]): Drafts {
  const set = names.filter((name) => (value as Record<string, unknown>)[name] !== undefined);
  if (set.length > 1) yield conflict(path, `${set.join(' and ')} exclude each other`);
}

/** Proxies count in milliseconds: anything finer would be lost. */
export function* checkDuration(text: string | undefined, path: FieldPath): Drafts {
  const value = text === undefined ? undefined : parseDuration(text);
  if (value === undefined) return;
  const rounded = Math.round(value);
  if (rounded < 1 || Math.abs(value - rounded) > 1e-9) yield invalid(path, `${text} is not a number of milliseconds`);
}

export function* checkPort(port: number | undefined, path: FieldPath): Drafts {
  if (port !== undefined && (port < 1 || port > 65535)) yield invalid(path, `${port} is not a port: 1 to 65535`);
}

export function* checkPercent(percent: number | undefined, path: FieldPath): Drafts {
  if (percent !== undefined && (percent < 0 || percent > 100)) yield invalid(path, `${percent} is not a percentage`);
}

interface ExportRules {
  readonly nobody?: boolean;
  readonly ownNamespaceOnly?: boolean;
}

/**
 * Who may see an object: namespaces, `.` for its own, `*` for all; where `nobody`, also `~`.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-export_to
 */
export function* checkExportTo(
  exportTo: readonly string[] | undefined,
  namespace: string,
  path: FieldPath,
  { nobody = false, ownNamespaceOnly = false }: ExportRules = {},
): Drafts {
  const seen = new Set<string>();
  for (const [index, entry] of (exportTo ?? []).entries()) {
    const visible = entry === '.' ? namespace : entry;
    if (seen.has(visible)) yield duplicate([...path, index], `"${entry}" is listed already`);
    seen.add(visible);
    if (visible !== '*' && !(nobody && visible === '~') && !isDnsLabel(visible))
      yield invalid([...path, index], `"${entry}" is neither a namespace nor "." nor "*"${nobody ? ' nor "~"' : ''}`);
  }
  for (const alone of ['*', '~']) {
    if (seen.has(alone) && seen.size > 1) yield conflict(path, `"${alone}" goes with no other entry`);
  }
  if (ownNamespaceOnly && seen.size > 0 && (seen.size > 1 || !seen.has(namespace)))
    yield conflict(path, 'with a workloadSelector only the own namespace (".") can be exported to');
}

/** https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
export const dryRun = 'istio.io/dry-run';

export function* withoutDryRun({ kind, metadata }: ObjectBase): Drafts {
  if (metadata.annotations[dryRun] !== undefined)
    yield unsupported(['metadata', 'annotations', dryRun], `a ${kind} has no dry run: remove the annotation`);
}

interface Targeted {
  readonly selector?: PolicyWorkloadSelector;
  readonly workloadSelector?: object;
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
}

/**
 * What a policy applies to: workloads by label, or objects by reference.
 * https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference
 */
export function* checkTargets(spec: Targeted): Drafts {
  yield* atMostOne(spec, ['spec'], ['selector', 'workloadSelector', 'targetRef', 'targetRefs']);
  if (spec.selector) yield* checkSelector(spec.selector.matchLabels, ['spec', 'selector', 'matchLabels']);
  if (spec.targetRef) yield* checkTarget(spec.targetRef, ['spec', 'targetRef']);
  for (const [index, ref] of (spec.targetRefs ?? []).entries()) yield* checkTarget(ref, ['spec', 'targetRefs', index]);
}

const targetKinds: Readonly<Record<string, readonly string[]>> = {
  Service: ['', 'core'],
  ServiceEntry: ['networking.istio.io'],
  Gateway: ['gateway.networking.k8s.io'],
  GatewayClass: ['gateway.networking.k8s.io'],
};

function* checkTarget(ref: PolicyTargetReference, path: FieldPath): Drafts {
  if ((ref.namespace ?? '') !== '')
    yield unsupported([...path, 'namespace'], 'a policy can only refer to objects of its own namespace');
  if (!(targetKinds[ref.kind] ?? []).includes(ref.group ?? ''))
    yield unsupported(
      path,
      `${[ref.group, ref.kind].filter(Boolean).join('/')} is no target; targets are Service, networking.istio.io/ServiceEntry, gateway.networking.k8s.io/Gateway and GatewayClass`,
    );
}
