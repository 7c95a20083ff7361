// Problems as a list: what is wrong, with what, and where it stands.
import type { Problem } from '../../model/problem.ts';
import { Badge } from './badge.tsx';
import { Remedy } from './remedy.tsx';
import { Source } from './source.tsx';

export const ProblemList = ({ problems }: { readonly problems: readonly Problem[] }) => (
  <ul class="problems">
    {problems.map((problem, i) => (
      <li key={`${i} ${problem.code}`}>
        <Badge tone={problem.severity === 'error' ? 'bad' : 'warn'}>{problem.severity}</Badge>
        <div>
          <p>{problem.message}</p>
          <p class="muted">
            {problem.source && <Source source={problem.source} />}{' '}
            {problem.position && [problem.position.file, problem.position.line].filter(Boolean).join(':')}
          </p>
          <Remedy code={problem.code} />
        </div>
      </li>
    ))}
  </ul>
);
