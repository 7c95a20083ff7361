// Conditions, as every status of Gateway API has them.
// https://gateway-api.sigs.k8s.io/guides/implementers/#conditions
import type { ObjectMeta } from '../../../../model/object.ts';
import type { Condition } from '../../../../model/status.ts';

/** Why something is not as it should be. */
export interface Fault {
  readonly reason: string;
  readonly message: string;
}

/** The generation that a status speaks of; objects that no API server has seen are their first. */
export const generationOf = ({ generation = 1 }: ObjectMeta): number => generation;

/** What is true, unless there is a fault. */
export const condition = (type: string, generation: number, good: Fault, fault: Fault | undefined): Condition => ({
  type,
  status: fault === undefined ? 'True' : 'False',
  ...(fault ?? good),
  observedGeneration: generation,
});
