// A resource as a tree: each line with its field, its value and the objects that caused it. What is below a closed branch is
// asked for when it is opened, and of long lists only a stretch is in the page, so that a resource of any size can be looked at.
import { useState } from 'preact/hooks';

import type { Branch, Stretch, TreeLine } from '../../admin/console/api.ts';
import type { Query } from '../client.ts';
import { useLive, useOnce } from '../live.ts';
import { Asked } from './asked.tsx';
import { Sources } from './source.tsx';
import { Pager } from './table.tsx';

interface TreeProps {
  /** The daemon's name of the question, and what it is about. */
  readonly question: string;
  readonly about: Query;
  /** A field to open at, such as `virtual_hosts[2].routes[0]`. */
  readonly open?: string;
}

export function Tree({ question, about, open = '' }: TreeProps) {
  const live = useLive<Branch>(question, { ...about, open });
  return (
    <Asked live={live}>
      {({ version, lines }) => (
        <div class="tree">
          <Lines question={question} about={{ ...about, version }} path="" open={open} given={lines} />
        </div>
      )}
    </Asked>
  );
}

interface LinesProps extends Required<TreeProps> {
  readonly path: string;
  /** What came along with the branch above. */
  readonly given: Stretch<TreeLine> | undefined;
}

/** `about` has the version: what is below is asked for once, and again when there is another. */
function Lines({ path, given, ...tree }: LinesProps) {
  const { question, about } = tree;
  const [offset, setOffset] = useState(given?.offset ?? 0);
  const isGiven = given?.offset === offset;
  const { data, error } = useOnce<Branch>(isGiven ? undefined : question, {
    ...about,
    field: path,
    offset: String(offset),
  });
  return (
    <Asked live={isGiven ? { data: given, error: undefined } : { data: data?.lines, error }}>
      {(lines) => (
        <>
          <ul>
            {lines.items.map((line) => (
              <Line key={line.step} line={line} path={below(path, line.step)} {...tree} />
            ))}
          </ul>
          <Pager stretch={lines} onOffset={setOffset} />
        </>
      )}
    </Asked>
  );
}

interface LineProps extends Omit<LinesProps, 'given'> {
  readonly line: TreeLine;
}

function Line({ line: { step, causes, value, parts, words, below: given }, path, ...tree }: LineProps) {
  const [isOpen, setOpen] = useState(given !== undefined);
  const isWanted = path === tree.open;
  const reveal = (element: HTMLElement | null): void => {
    if (isWanted) element?.scrollIntoView({ block: 'center' });
  };
  if (parts === undefined)
    return (
      <li class={isWanted ? 'leaf wanted' : 'leaf'} ref={reveal}>
        <span class="field">{step}</span> <span class="value">{value}</span> <Sources sources={causes} />
      </li>
    );
  return (
    <li class={isWanted ? 'wanted' : ''} ref={reveal}>
      <button type="button" class="branch" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span class="field">{step}</span> <span class="muted">{words}</span>
      </button>{' '}
      <Sources sources={causes} />
      {isOpen && <Lines path={path} given={given} {...tree} />}
    </li>
  );
}

const below = (path: string, step: string): string =>
  path === '' || step.startsWith('[') ? `${path}${step}` : `${path}.${step}`;
