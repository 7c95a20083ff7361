// All proxies, those with trouble first.
import type { ProxyRow, Stretch } from '../../admin/console/api.ts';
import { useLive, useNow } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { StateBadge } from '../parts/badge.tsx';
import { Choice, Search } from '../parts/fields.tsx';
import type { Column } from '../parts/table.tsx';
import { PagedTable } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { link, replaceQuery } from '../place.ts';
import { ago, duration, numeral } from '../words.ts';

const states = [
  ['', 'all states'],
  ['synced', 'synced'],
  ['pending', 'pending'],
  ['rejecting', 'rejecting'],
] as const;

export function ProxiesView({ place }: { readonly place: Place }) {
  const { search = '', state = '', offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Stretch<ProxyRow>>('proxies', { search, state, offset });
  const now = useNow();
  return (
    <>
      <h1>Proxies</h1>
      <p class="hint">
        Those with trouble come first. Lag is how long the oldest thing that was sent waits for an answer; who rejects
        something keeps the last good version of it.
      </p>
      <div class="tools">
        <Search
          label="Name, namespace or address"
          value={search}
          onSearch={(text) => replaceQuery(place, { search: text, offset: '' })}
        />
        <Choice
          label="State"
          value={state}
          options={states}
          onChoose={(chosen) => replaceQuery(place, { state: chosen, offset: '' })}
        />
      </div>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(stretch) => (
          <PagedTable
            caption="Connected proxies"
            columns={columns(now)}
            stretch={stretch}
            place={place}
            keyOf={({ connection }) => connection}
            empty={search === '' && state === '' ? nobody : 'No connected proxy is like that.'}
          />
        )}
      </Asked>
    </>
  );
}

const nobody =
  'No proxy is connected yet. Label a namespace istio-injection=enabled and restart its Pods; a proxy that cannot connect says why in its own log.';

const columns = (now: number): readonly Column<ProxyRow>[] => [
  { head: 'Proxy', cell: ({ proxy }) => <a href={link(['proxy', proxy])}>{proxy}</a> },
  { head: 'Role', cell: ({ role }) => role },
  { head: 'State', cell: ({ state }) => <StateBadge state={state} /> },
  { head: 'Lag', cell: ({ waitingSince }) => (waitingSince === 0 ? '–' : duration(now - waitingSince)), number: true },
  { head: 'Resources', cell: ({ resources }) => numeral(resources), number: true },
  { head: 'Address', cell: ({ address }) => <code>{address}</code> },
  { head: 'Connected', cell: ({ since, replica = '' }) => `${ago(since, now)}${replica && ` to ${replica}`}` },
  { head: 'Last rejection', cell: ({ error }) => (error === undefined ? '' : <span class="clip">{error}</span>) },
];
