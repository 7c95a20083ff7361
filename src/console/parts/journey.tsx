// A traced request: at each proxy the ways that it may go, and on each way the decisions, in order.
import type { Hop, TracedBranch } from '../../trace/journey.ts';
import type { Ending, Step } from '../../trace/step.ts';
import { link } from '../place.ts';
import { Badge } from './badge.tsx';
import { Sources } from './source.tsx';

export const Journey = ({ hop: { proxy, direction, branches } }: { readonly hop: Hop }) => (
  <section class="hop" aria-label={`${proxy}, ${direction}`}>
    <h2>
      {direction === 'outbound' ? 'Sent by' : 'Received by'} <a href={link(['proxy', proxy])}>{proxy}</a>
    </h2>
    {branches.map((branch, i) => (
      <Branch key={i} proxy={proxy} branch={branch} />
    ))}
  </section>
);

interface BranchProps {
  readonly proxy: string;
  readonly branch: TracedBranch;
}

const Branch = ({ proxy, branch: { probability, steps, ending, next } }: BranchProps) => (
  <div class="branch">
    {probability < 1 && <p class="chance">In {Number((probability * 100).toFixed(2))} of 100 cases</p>}
    <ol class="steps">
      {steps.map((step, i) => (
        <StepLine key={i} proxy={proxy} step={step} />
      ))}
      <li class="ending">
        <End ending={ending} />
      </li>
    </ol>
    {next.map((hop, i) => (
      <Journey key={i} hop={hop} />
    ))}
  </div>
);

const StepLine = ({
  proxy,
  step: { decision, outcome, where, causes },
}: {
  readonly proxy: string;
  readonly step: Step;
}) => (
  <li>
    <span class="decision">{decision.replaceAll('-', ' ')}</span>
    <div>
      {where === undefined ? (
        outcome
      ) : (
        <a href={link(['proxy', proxy], { kind: where.kind, name: where.name, field: where.field })}>{outcome}</a>
      )}
      <Sources sources={causes} />
    </div>
  </li>
);

function End({ ending }: { readonly ending: Ending }) {
  switch (ending.kind) {
    case 'response':
      return (
        <>
          <Badge tone={ending.status < 400 ? 'good' : 'bad'}>answered with {ending.status}</Badge>
          <span>
            {ending.flags} {ending.details}
          </span>
        </>
      );
    case 'forwarded':
      return (
        <>
          <Badge tone="good">sent on</Badge>
          <span>
            {ending.endpoints.slice(0, 5).map(({ address, port, tls }) => (
              <code key={address}>
                {address}:{port}
                {tls?.mutual === true ? ' over mutual TLS ' : ' '}
              </code>
            ))}
            {ending.endpoints.length > 5 && `or ${ending.endpoints.length - 5} more`}
          </span>
        </>
      );
    case 'closed':
      return (
        <>
          <Badge tone="bad">closed</Badge>
          <span>
            {ending.flags} {ending.details}
          </span>
        </>
      );
    case 'unknown':
      return (
        <>
          <Badge tone="warn">unknown</Badge>
          <span>{ending.details}</span>
        </>
      );
  }
}
