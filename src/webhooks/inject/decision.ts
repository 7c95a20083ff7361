// Whether a Pod that reached the webhook gets a sidecar, and why: Istio's rules in Istio's order.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
import { matchesSelector } from '../../model/mesh/labels.ts';
import type { Pod } from './pod/pod.ts';
import { annotationsOf, labelsOf } from './pod/pod.ts';
import { systemNamespaces } from './selection.ts';

type LabelSelector = Parameters<typeof matchesSelector>[0];

export interface InjectionPolicy {
  /** `enabled` or `disabled`: for Pods that say nothing themselves. Any other value injects nothing. */
  readonly policy: string;
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly alwaysInjectSelector: readonly LabelSelector[];
}

export interface Decision {
  readonly inject: boolean;
  /** A sentence for the user. */
  readonly reason: string;
  readonly warnings: readonly string[];
}

const key = 'sidecar.istio.io/inject';

export function decide(pod: Pod, namespace: string, policy: InjectionPolicy): Decision {
  const decided = (inject: boolean, reason: string, warnings: readonly string[] = []): Decision => ({
    inject,
    reason,
    warnings,
  });
  if (pod.spec.hostNetwork === true)
    return decided(false, "the Pod is in its node's network (spec.hostNetwork): redirecting there would hit the node");
  if ((systemNamespaces as readonly string[]).includes(namespace))
    return decided(false, `${namespace} is a namespace of Kubernetes itself`);
  const own = ownWord(pod);
  const said = own === undefined ? undefined : words[own.value];
  if (own !== undefined && said !== undefined) return decided(said, `the ${own.place} ${key} is "${own.value}"`);
  const warnings = odd(own);
  const selected = (selectors: readonly LabelSelector[]) =>
    selectors.findIndex((selector) => !isEmpty(selector) && matchesSelector(selector, labelsOf(pod)));
  const never = selected(policy.neverInjectSelector);
  if (never >= 0) return decided(false, `the injector's neverInjectSelector[${never}] selects the Pod`, warnings);
  const always = selected(policy.alwaysInjectSelector);
  if (always >= 0) return decided(true, `the injector's alwaysInjectSelector[${always}] selects the Pod`, warnings);
  return decided(policy.policy === 'enabled', `the injector's policy is "${policy.policy}"`, warnings);
}

const words: Readonly<Record<string, boolean | undefined>> = { true: true, false: false };

interface OwnWord {
  readonly place: 'label' | 'annotation';
  readonly value: string;
}

/** The annotation is the older way, and counts only without the label. */
function ownWord(pod: Pod): OwnWord | undefined {
  const label = labelsOf(pod)[key];
  if (label !== undefined) return { place: 'label', value: label };
  const annotation = annotationsOf(pod)[key];
  return annotation === undefined ? undefined : { place: 'annotation', value: annotation };
}

const odd = (own: OwnWord | undefined): readonly string[] =>
  own === undefined || own.value === ''
    ? []
    : [`the ${own.place} ${key} is "${own.value}", which says nothing: write "true" or "false"`];

/** A selector without conditions would select every Pod, which nobody means here. */
const isEmpty = ({ matchLabels, matchExpressions }: LabelSelector): boolean =>
  Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
