// What a filter of a chain does with a request: nothing, an answer of its own, or one of several things by chance.
import type { Connection, HttpRequest } from '../request.ts';
import type { Ending, Place, Step } from '../step.ts';

/** What filters see of the request that they are asked about. */
export interface FilterContext {
  readonly connection: Connection;
  readonly http: HttpRequest | undefined;
  /** What a route, or the virtual host around it, says of a filter; with the place where it says so. */
  readonly ofRoute: (
    filter: string,
  ) => { readonly config: Readonly<Record<string, unknown>>; readonly place: Place } | undefined;
  /** What dry runs of policies came to: name of the policy by name of the result. */
  readonly dryRuns: ReadonlyMap<string, string>;
}

/** One thing that may happen; the probabilities of all make 1. Without an ending the request goes on. */
export interface Possibility {
  readonly probability: number;
  readonly steps: readonly Step[];
  readonly ending?: Ending;
  readonly dryRuns?: ReadonlyMap<string, string>;
  /** Access log flags that stay with the request. */
  readonly flags?: string;
}

export type Filter = (
  config: Readonly<Record<string, unknown>>,
  place: Place,
  context: FilterContext,
) => readonly Possibility[];

export const goesOn = (...steps: readonly Step[]): readonly Possibility[] => [{ probability: 1, steps }];
export const ends = (ending: Ending, ...steps: readonly Step[]): readonly Possibility[] => [
  { probability: 1, steps, ending },
];

/** From 0 to 1. */
export function share(percent: { readonly numerator?: number; readonly denominator?: string } | undefined): number {
  const parts = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 }[percent?.denominator ?? 'HUNDRED'] ?? 100;
  return Math.min(1, (percent?.numerator ?? 0) / parts);
}
