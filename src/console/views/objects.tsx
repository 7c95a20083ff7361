// What users wrote, those with problems first.
import type { ObjectRow, Stretch } from '../../admin/console/api.ts';
import { useLive } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { ProblemCounts } from '../parts/badge.tsx';
import { Choice, Search } from '../parts/fields.tsx';
import { objectLink } from '../parts/source.tsx';
import type { Column } from '../parts/table.tsx';
import { PagedTable } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { replaceQuery } from '../place.ts';

const columns: readonly Column<ObjectRow>[] = [
  { head: 'Object', cell: (row) => <a href={objectLink(row)}>{row.name}</a> },
  { head: 'Namespace', cell: ({ namespace }) => namespace },
  { head: 'Kind', cell: ({ kind }) => kind },
  { head: 'API', cell: ({ apiVersion }) => <span class="muted">{apiVersion}</span> },
  { head: 'Problems', cell: ({ errors, warnings }) => <ProblemCounts errors={errors} warnings={warnings} /> },
];

const states = [
  ['', 'with or without problems'],
  ['problems', 'with problems'],
] as const;

export function ObjectsView({ place }: { readonly place: Place }) {
  const { search = '', kind = '', state = '', offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Stretch<ObjectRow> & { readonly kinds: readonly string[] }>('objects', {
    search,
    kind,
    state,
    offset,
  });
  const kinds = (live.data?.kinds ?? []).map((each) => [each, each] as const);
  const narrow = (changes: Readonly<Record<string, string>>): void => replaceQuery(place, { ...changes, offset: '' });
  return (
    <>
      <h1>Objects</h1>
      <p class="hint">
        What was written for the mesh, what has problems first. Each tells in which proxies it has effect.
      </p>
      <div class="tools">
        <Search label="Kind, namespace or name" value={search} onSearch={(text) => narrow({ search: text })} />
        <Choice
          label="Kind"
          value={kind}
          options={[['', 'all kinds'], ...kinds]}
          onChoose={(chosen) => narrow({ kind: chosen })}
        />
        <Choice label="Problems" value={state} options={states} onChoose={(chosen) => narrow({ state: chosen })} />
      </div>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(stretch) => (
          <PagedTable
            caption="Objects of the mesh"
            columns={columns}
            stretch={stretch}
            place={place}
            keyOf={({ kind: each, namespace, name }) => `${each}/${namespace}/${name}`}
            empty={
              search + kind + state === ''
                ? 'Nothing is written for the mesh yet: services are reached as Kubernetes has them.'
                : 'No object is like that.'
            }
          />
        )}
      </Asked>
    </>
  );
}
