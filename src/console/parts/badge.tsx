// Small words with a colour: never the colour alone.
import type { ComponentChildren } from 'preact';

export type Tone = 'good' | 'busy' | 'bad' | 'warn' | 'quiet';

export const Badge = ({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) => (
  <span class={`badge ${tone}`}>{children}</span>
);

const states = { synced: 'good', pending: 'busy', rejecting: 'bad' } as const;

export const StateBadge = ({ state }: { readonly state: keyof typeof states }) => (
  <Badge tone={states[state]}>{state}</Badge>
);

export function ProblemCounts({ errors, warnings }: { readonly errors: number; readonly warnings: number }) {
  if (errors + warnings === 0) return <Badge tone="good">none</Badge>;
  return (
    <>
      {errors > 0 && <Badge tone="bad">{errors} errors</Badge>}{' '}
      {warnings > 0 && <Badge tone="warn">{warnings} warnings</Badge>}
    </>
  );
}
