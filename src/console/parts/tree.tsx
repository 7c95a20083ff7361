// A message as a tree: each line with its field, its value and the objects that caused it. Parts that are closed are not
// in the page, and of long lists only a stretch is, so that a message of any size can be looked at.
import { useState } from 'preact/hooks';

import type { SourceRef } from '../../model/source.ts';
import { Sources } from './source.tsx';

export type Origins = Readonly<Record<string, readonly SourceRef[]>>;

interface TreeProps {
  readonly value: unknown;
  readonly origins: Origins;
  /** A field to open at, such as `virtual_hosts[2].routes[0]`. */
  readonly open?: string;
  /** How many are open at first. */
  readonly levels?: number;
}

/** Parts with more are closed at first. */
const openParts = 20;
/** Lines of a part that are there at once. */
const stretch = 100;

export const Tree = ({ value, origins, open = '', levels = 2 }: TreeProps) => (
  <div class="tree">
    <Parts value={value} path="" level={0} origins={origins} open={open} levels={levels} />
  </div>
);

interface PartProps extends Required<TreeProps> {
  readonly path: string;
  readonly level: number;
}

function Parts({ value, path, level, origins, open, levels }: PartProps) {
  const [shown, setShown] = useState(stretch);
  const all = entriesOf(value);
  const wanted = all.findIndex(([step]) => isOnPath(below(path, step), open));
  const length = Math.max(shown, wanted + 1);
  return (
    <ul>
      {all.slice(0, length).map(([step, child]) => (
        <Line
          key={step}
          step={step}
          value={child}
          path={below(path, step)}
          level={level}
          origins={origins}
          open={open}
          levels={levels}
        />
      ))}
      {all.length > length && (
        <li>
          <button type="button" class="plain" onClick={() => setShown(length + stretch)}>
            {all.length - length} more
          </button>
        </li>
      )}
    </ul>
  );
}

function Line({ step, value, path, level, origins, open, levels }: PartProps & { readonly step: string }) {
  const isWanted = path === open;
  const [isOpen, setOpen] = useState(isOnPath(path, open) || (level < levels && entriesOf(value).length <= openParts));
  const own = <Sources sources={origins[path] ?? []} />;
  const reveal = (element: HTMLElement | null): void => {
    if (isWanted) element?.scrollIntoView({ block: 'center' });
  };
  if (entriesOf(value).length === 0)
    return (
      <li class={isWanted ? 'leaf wanted' : 'leaf'} ref={reveal}>
        <span class="field">{step}</span> <span class="value">{leafWords(value)}</span> {own}
      </li>
    );
  return (
    <li class={isWanted ? 'wanted' : ''} ref={reveal}>
      <span class="part-sources">{own}</span>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="field">{step}</span> <span class="muted">{partWords(value)}</span>
        </summary>
        {isOpen && <Parts value={value} path={path} level={level + 1} origins={origins} open={open} levels={levels} />}
      </details>
    </li>
  );
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (Array.isArray(value)) return value.map((item, i) => [`[${i}]`, item]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

const below = (path: string, step: string): string =>
  path === '' || step.startsWith('[') ? `${path}${step}` : `${path}.${step}`;

const isOnPath = (path: string, open: string): boolean =>
  open === path || (open.startsWith(path) && /^[.[]/.test(open.slice(path.length)));

function leafWords(value: unknown): string {
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object' && value !== null) return '{}';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What a closed part is about: its name, its type, or how long it is. */
function partWords(value: unknown): string {
  if (Array.isArray(value)) return `${value.length}`;
  const { name, '@type': type } = value as { readonly name?: unknown; readonly '@type'?: unknown };
  if (typeof name === 'string') return name;
  return typeof type === 'string' ? type.slice(type.lastIndexOf('.') + 1) : '';
}
