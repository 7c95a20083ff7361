// EnvoyFilters as patches: each with its value read as the message that it changes, and found to be one.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import { canonicalMessage } from '../../model/message/canonical.ts';
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { memo } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import type { EnvoyConfigObjectMatch, EnvoyConfigObjectPatch, KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at } from '../../model/source.ts';
import { patchedMessages } from '../../model/envoy/patched-messages.ts';
import { from } from '../provenance.ts';

type EnvoyFilter = KindMap['EnvoyFilter'];
export type ApplyTo = NonNullable<EnvoyConfigObjectPatch['applyTo']>;
export type Operation = NonNullable<NonNullable<EnvoyConfigObjectPatch['patch']>['operation']>;

export interface Patch {
  /** The element of `configPatches`. */
  readonly source: SourceRef;
  readonly applyTo: ApplyTo;
  readonly operation: Operation;
  readonly match: EnvoyConfigObjectMatch;
  /** A message of the type that `applyTo` stands for; empty to remove. */
  readonly value: object;
}

export interface ParsedPatches {
  readonly patches: readonly Patch[];
  /** Those that cannot be used, and why. */
  readonly problems: readonly Problem[];
}

/** In the order of the object. */
export const patchesOf = memo((types: MessageTypes, filter: EnvoyFilter): ParsedPatches => {
  const parsed = (filter.spec.configPatches ?? []).map((config, i) => parse(types, filter, config, i));
  return {
    patches: parsed.flatMap((each) => ('problem' in each ? [] : [each])),
    problems: parsed.flatMap((each) => ('problem' in each ? [each.problem] : [])),
  };
});

function parse(
  types: MessageTypes,
  { source: object, position }: EnvoyFilter,
  { applyTo = 'INVALID', match = {}, patch = {} }: EnvoyConfigObjectPatch,
  index: number,
): Patch | { readonly problem: Problem } {
  const source = at(object, `spec.configPatches[${index}]`);
  const { operation = 'INVALID', value = {} } = patch;
  const type = types.find(patchedMessages[applyTo] ?? '');
  const canonical = type === undefined ? undefined : canonicalMessage(types.find, type, value);
  const misfit = canonical?.faults.find(({ kind }) => kind === 'misfit');
  if (canonical === undefined || misfit !== undefined) {
    const reason = misfit === undefined ? `${applyTo} is nothing that can be patched` : `the value ${misfit.message}`;
    const where = position === undefined ? {} : { position };
    return { problem: { code: 'invalid-patch', severity: 'error', message: reason, source, ...where } };
  }
  return { source, applyTo, operation, match, value: from(source, canonical.message) };
}
