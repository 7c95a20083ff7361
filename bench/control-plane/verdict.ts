// What is wrong in a report of the load generator, in words; nothing where every change has reached everybody and what
// fresh clients get is what the old ones have.

interface Tally {
  readonly lost?: number;
}
type Phases = Readonly<Record<string, Readonly<Record<string, Tally>>>>;

export interface ConvergeReport {
  readonly connect: { readonly clients: number; readonly complete: number };
  readonly phases?: Phases;
  readonly churn?: Phases;
  readonly gave_up?: boolean;
  readonly verify?: Readonly<Record<'missing' | 'extra' | 'different', number>> & {
    readonly complete: boolean;
    readonly examples: readonly string[];
  };
  readonly end?: { readonly nacks: number };
}

export function faultsOf(report: ConvergeReport): readonly string[] {
  const { connect, phases = {}, churn = {}, verify, end } = report;
  return [
    ...said(connect.complete < connect.clients, `${connect.clients - connect.complete} clients are not complete`),
    ...Object.entries(phases).flatMap(([, tallies]) => lost(tallies)),
    ...Object.entries(churn).flatMap(([rate, { all }]) =>
      said((all?.lost ?? 0) > 0, `${all?.lost} times a client has not seen a change at ${rate} a second`),
    ),
    ...said(report.gave_up === true, 'changes reach nobody any more'),
    ...said(verify?.complete === false, 'fresh clients are not complete'),
    ...(['missing', 'extra', 'different'] as const).flatMap((what) =>
      said((verify?.[what] ?? 0) > 0, `${verify?.[what]} resources are ${what}: ${verify?.examples.join('; ')}`),
    ),
    ...said((end?.nacks ?? 0) > 0, `${end?.nacks} responses were rejected`),
  ];
}

const lost = (tallies: Readonly<Record<string, Tally>>): readonly string[] =>
  Object.entries(tallies).flatMap(([kind, { lost = 0 }]) =>
    said(lost > 0, `${lost} times a client has not seen a change of the kind ${kind}`),
  );

const said = (isSo: boolean, what: string): readonly string[] => (isSo ? [what] : []);
