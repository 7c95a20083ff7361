// Everything that is wrong with what users wrote, errors first.
import type { Stretch } from '../../admin/console/api.ts';
import type { Problem } from '../../model/problem.ts';
import { useLive } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { Search } from '../parts/fields.tsx';
import { ProblemList } from '../parts/problem-list.tsx';
import { Pager } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { replaceQuery } from '../place.ts';

export function ProblemsView({ place }: { readonly place: Place }) {
  const { search = '', offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Stretch<Problem>>('problems', { search, offset });
  return (
    <>
      <h1>Problems</h1>
      <div class="tools">
        <Search
          label="Words, code or object"
          value={search}
          onSearch={(text) => replaceQuery(place, { search: text, offset: '' })}
        />
      </div>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(stretch) =>
          stretch.total === 0 ? (
            <p class="empty">{search === '' ? 'Nothing is wrong with what is written.' : 'No problem is like that.'}</p>
          ) : (
            <>
              <ProblemList problems={stretch.items} />
              <Pager stretch={stretch} onOffset={(to) => replaceQuery(place, { offset: String(to) })} />
            </>
          )
        }
      </Asked>
    </>
  );
}
