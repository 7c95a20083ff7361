// A semantic rule: what a kind's objects must fulfil beyond their schema. Pure; yields one draft per mistake.
import type { Kind, KindMap } from '../../model/schema/index.ts';
import type { MessageTypes } from '../../model/message/descriptor.ts';
import type { Draft } from '../draft.ts';

/** What a rule may know beside the object. */
export interface RuleContext {
  /** Envoy's messages by full name; absent: not known, all are taken to be what they should. */
  readonly findMessage?: MessageTypes['find'];
}
export type Rule<K extends Kind> = (object: KindMap[K], context: RuleContext) => Iterable<Draft>;
