// A proxy's configuration: resources of a kind by name, one of them as a tree, or what is found in all of them.
import type { ConfigurationKind, Hit, ResourceName, Stretch } from '../../admin/console/api.ts';
import { useHits } from '../hits.ts';
import { useLive } from '../live.ts';
import { Asked, Fault } from '../parts/asked.tsx';
import { Search } from '../parts/fields.tsx';
import { Sources } from '../parts/source.tsx';
import { Pager } from '../parts/table.tsx';
import { Tree } from '../parts/tree.tsx';
import type { Place } from '../place.ts';
import { link, replaceQuery } from '../place.ts';
import { count, kindNames, numeral } from '../words.ts';

interface ConfigurationProps {
  readonly place: Place;
  readonly proxy: string;
  readonly kinds: Readonly<Partial<Record<ConfigurationKind, number>>>;
}

export function Configuration({ place, proxy, kinds }: ConfigurationProps) {
  const { search = '', kind = 'listener', name = '', field = '' } = Object.fromEntries(place.query);
  const isSearching = search.trim().length > 1;
  return (
    <section aria-labelledby="configuration">
      <h2 id="configuration">Configuration</h2>
      <div class="tools">
        <Search
          label="Field, value or object behind it"
          value={search}
          onSearch={(text) => replaceQuery(place, { search: text, offset: '' })}
        />
        <div class="tabs" role="group" aria-label="Kinds">
          {Object.entries(kinds).map(([each, number]) => (
            <a
              key={each}
              href={link(place.path, { kind: each })}
              {...(each === kind && !isSearching && { 'aria-current': 'true' as const })}
            >
              {kindNames[each as ConfigurationKind]} <span class="muted">{numeral(number)}</span>
            </a>
          ))}
        </div>
      </div>
      {isSearching ? (
        <Found place={place} proxy={proxy} search={search} />
      ) : (
        <div class="split">
          <Names place={place} proxy={proxy} kind={kind} open={name} />
          {name === '' ? (
            <p class="empty">Choose one to see what the proxy has, and why.</p>
          ) : (
            <Resource proxy={proxy} kind={kind} name={name} field={field} />
          )}
        </div>
      )}
    </section>
  );
}

interface NamesProps {
  readonly place: Place;
  readonly proxy: string;
  readonly kind: string;
  readonly open: string;
}

function Names({ place, proxy, kind, open }: NamesProps) {
  const { offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Stretch<ResourceName>>('resources', { proxy, kind, offset });
  return (
    <div class="names">
      <Asked live={live}>
        {(stretch) => (
          <>
            <ul>
              {stretch.items.map(({ name }) => (
                <li key={name}>
                  <a
                    href={link(place.path, { kind, name, offset })}
                    {...(name === open && { 'aria-current': 'true' as const })}
                  >
                    {name}
                  </a>
                </li>
              ))}
            </ul>
            <Pager stretch={stretch} onOffset={(to) => replaceQuery(place, { offset: String(to) })} />
          </>
        )}
      </Asked>
    </div>
  );
}

interface ResourceProps {
  readonly proxy: string;
  readonly kind: string;
  readonly name: string;
  readonly field: string;
}

const Resource = ({ proxy, kind, name, field }: ResourceProps) => (
  <article class="resource" aria-label={name}>
    <h3>{name}</h3>
    <Tree key={`${kind} ${name} ${field}`} question="branch" about={{ proxy, kind, name }} open={field} />
  </article>
);

function Found({ place, proxy, search }: { readonly place: Place; readonly proxy: string; readonly search: string }) {
  const { hits, error, state } = useHits(proxy, search);
  return (
    <>
      {error !== undefined && <Fault words={error} />}
      <p role="status">
        {state === 'enough' ? 'The first ' : ''}
        {count(hits.length, 'line')} found{state === 'looking' && ', looking on …'}
      </p>
      <ul class="hits">
        {hits.map((hit) => (
          <HitLine key={`${hit.kind} ${hit.name} ${hit.field}`} place={place} hit={hit} />
        ))}
      </ul>
    </>
  );
}

const HitLine = ({ place, hit }: { readonly place: Place; readonly hit: Hit }) => (
  <li>
    <a href={link(place.path, { kind: hit.kind, name: hit.name, field: hit.field })}>
      <span class="muted">{hit.kind}</span> {hit.name}
    </a>
    {hit.field !== '' && (
      <div class="leaf">
        <span class="field">{hit.field}</span> <span class="value">{hit.value}</span> <Sources sources={hit.causes} />
      </div>
    )}
  </li>
);
