// Label syntax, and what selectors may hold.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { doubtful, invalid } from '../../draft.ts';

type Labels = Readonly<Record<string, string>>;

const name = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const prefix = /^[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?$/;

/** Labels that something carries or is matched by. */
export function* checkLabels(labels: Labels | undefined, path: FieldPath): Drafts {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!isLabelKey(key)) yield invalid([...path, key], `"${key}" is not a label name`);
    if (value !== '' && !name.test(value)) yield invalid([...path, key], `"${value}" is not a label value`);
  }
}

/** Labels that select workloads: no wildcards; none at all selects everything. */
export function* checkSelector(labels: Labels | undefined, path: FieldPath): Drafts {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (key === '') yield invalid([...path, key], 'a label name must not be empty');
    if (key.includes('*') || value.includes('*')) yield invalid([...path, key], 'a selector takes no wildcards');
  }
  if (Object.keys(labels ?? {}).length === 0)
    yield doubtful(path, 'a selector without labels selects every workload of the namespace');
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  return slash < 0 ? name.test(key) : prefix.test(key.slice(0, slash)) && name.test(key.slice(slash + 1));
}
