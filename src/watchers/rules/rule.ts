// A semantic rule: what a kind's objects must fulfil beyond their schema. Pure; yields one draft per mistake.
import type { Kind, KindMap } from '../../model/schema/index.ts';
import type { Draft } from '../draft.ts';

/** What a rule may know beside the object. */
export interface RuleContext {
  /** Whether Envoy has a message of this full name; absent: not known, all are taken to exist. */
  readonly isMessage?: (name: string) => boolean;
}
export type Rule<K extends Kind> = (object: KindMap[K], context: RuleContext) => Iterable<Draft>;
