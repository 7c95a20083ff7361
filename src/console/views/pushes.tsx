// The latest pushes: why, how much, and how long until the last proxy had answered.
import type { Stretch } from '../../admin/console/api.ts';
import type { Push, PushCause } from '../../model/proxy/push.ts';
import { describeSource } from '../../model/source.ts';
import { useLive, useNow } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { Badge } from '../parts/badge.tsx';
import { Search } from '../parts/fields.tsx';
import { Source } from '../parts/source.tsx';
import type { Column } from '../parts/table.tsx';
import { PagedTable } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { link, replaceQuery } from '../place.ts';
import { ago, duration, numeral, size } from '../words.ts';

export function PushesView({ place }: { readonly place: Place }) {
  const { search = '', offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Stretch<Push>>('pushes', { search, offset });
  const now = useNow();
  return (
    <>
      <h1>Pushes</h1>
      <p class="hint">
        What was sent lately and why, the latest first. A response is what one proxy is sent of one type; the last
        answer is when all of them had been accepted or rejected.
      </p>
      <div class="tools">
        <Search label="Cause" value={search} onSearch={(text) => replaceQuery(place, { search: text, offset: '' })} />
      </div>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(stretch) => (
          <PagedTable
            caption="Recent pushes"
            columns={columns(
              now,
              stretch.items.some(({ replica }) => replica !== undefined),
            )}
            stretch={stretch}
            place={place}
            keyOf={({ replica = '', id }) => `${replica} ${id}`}
            empty={
              search === ''
                ? 'Nothing has been sent yet: no proxy is connected, and nothing has changed.'
                : 'No push has such a cause.'
            }
          />
        )}
      </Asked>
    </>
  );
}

const replicaColumn: Column<Push> = { head: 'Sent by', cell: ({ replica }) => replica };

/** Every replica sends to its own proxies: one change is a push of each. */
const columns = (now: number, areSeveral: boolean): readonly Column<Push>[] => [
  { head: 'When', cell: ({ at }) => <time dateTime={new Date(at).toISOString()}>{ago(at, now)}</time> },
  { head: 'Cause', cell: ({ causes, more }) => <Causes causes={causes} more={more} /> },
  ...(areSeveral ? [replicaColumn] : []),
  { head: 'Responses', cell: ({ responses }) => numeral(responses), number: true },
  { head: 'Resources', cell: ({ resources }) => numeral(resources), number: true },
  { head: 'Size', cell: ({ bytes }) => size(bytes), number: true },
  { head: 'Last answer after', cell: (push) => <Answer push={push} />, number: true },
];

const shownCauses = 5;

function Causes({ causes, more }: { readonly causes: readonly PushCause[]; readonly more: number }) {
  if (causes.length === 0) return <span class="muted">proxies that connected, keys or certificates</span>;
  const left = more + Math.max(0, causes.length - shownCauses);
  return (
    <ul class="plain-list">
      {causes.slice(0, shownCauses).map(({ change, object }) => (
        <li key={describeSource(object)}>
          {change} {change === 'removed' ? describeSource(object) : <Source source={object} />}
        </li>
      ))}
      {left > 0 && <li class="muted">and {left} more</li>}
    </ul>
  );
}

function Answer({ push: { responses, open, rejected, settledAfter } }: { readonly push: Push }) {
  return (
    <>
      {rejected > 0 && (
        <a href={link(['proxies'], { state: 'rejecting' })}>
          <Badge tone="bad">{rejected} rejected</Badge>
        </a>
      )}{' '}
      {open > 0 && <Badge tone="busy">{open} open</Badge>}{' '}
      {settledAfter === undefined ? (responses === 0 ? 'nothing to send' : '') : duration(settledAfter)}
    </>
  );
}
