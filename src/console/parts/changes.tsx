// What would change for proxies: those for which the same does together, resource by resource, field by field.
import type { Difference, FieldChange, ProxyChanges, ResourceChange } from '../../admin/console/api.ts';
import { describeSource } from '../../model/source.ts';
import { link } from '../place.ts';
import { count, kindNames } from '../words.ts';
import { Badge } from './badge.tsx';
import { ProblemList } from './problem-list.tsx';

export function Changes({ difference }: { readonly difference: Difference }) {
  const { objects, problems, looked, changed, groups, more } = difference;
  return (
    <section aria-label="Changes">
      <h2>
        {changed === 0 ? 'No proxy changes' : `${changed} of ${count(looked, 'proxy changes', 'proxies change')}`}
      </h2>
      <p class="muted">{objects.map(describeSource).join(', ')}</p>
      {problems.length > 0 && <ProblemList problems={problems} />}
      {groups.map((group, i) => (
        <Group key={i} group={group} open={i === 0} />
      ))}
      {more > 0 && <p class="muted">and {count(more, 'other group')} of proxies</p>}
    </section>
  );
}

const shownNames = 8;

const Group = ({
  group: { proxies, count: all, resources, more },
  open,
}: {
  readonly group: ProxyChanges;
  readonly open: boolean;
}) => (
  <details class="panel" open={open}>
    <summary>
      {count(all, 'proxy', 'proxies')}, {count(resources.length + more, 'resource')}
    </summary>
    <p>
      {proxies.slice(0, shownNames).map((proxy) => (
        <>
          <a href={link(['proxy', proxy])}>{proxy}</a>{' '}
        </>
      ))}
      {all > shownNames && <span class="muted">and {all - shownNames} more</span>}
    </p>
    <ul class="changes">
      {resources.map((resource) => (
        <Resource key={`${resource.kind} ${resource.name}`} resource={resource} />
      ))}
    </ul>
    {more > 0 && <p class="muted">and {count(more, 'more resource')}</p>}
  </details>
);

const tones = { appears: 'good', disappears: 'bad', changes: 'busy' } as const;

const Resource = ({ resource: { kind, name, change, fields, more } }: { readonly resource: ResourceChange }) => (
  <li>
    <Badge tone={tones[change]}>{change}</Badge> <span class="muted">{kindNames[kind]}</span> <code>{name}</code>
    {fields.length > 0 && (
      <ul class="field-changes">
        {fields.map((field) => (
          <Field key={field.field} field={field} />
        ))}
        {more > 0 && <li class="muted">and {count(more, 'more field')}</li>}
      </ul>
    )}
  </li>
);

const Field = ({ field: { field, before, after, causes } }: { readonly field: FieldChange }) => (
  <li>
    <span class="field">{field}</span>
    {before !== undefined && <del>{text(before)}</del>} {after !== undefined && <ins>{text(after)}</ins>}
    {causes.length > 0 && <span class="source">{causes.join(', ')}</span>}
  </li>
);

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
