// The mesh at a glance: what there is, what is wrong, and services with the ways between them.
import { useState } from 'preact/hooks';

import type { Graph, Overview } from '../../admin/console/api.ts';
import { GraphView } from '../graph/graph-view.tsx';
import { NodePanel } from '../graph/node-panel.tsx';
import { useLive, useNow } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { Choice } from '../parts/fields.tsx';
import type { Place } from '../place.ts';
import { link, replaceQuery } from '../place.ts';
import { count, duration, numeral } from '../words.ts';

export function MeshView({ place }: { readonly place: Place }) {
  const overview = useLive<Overview>('overview');
  return (
    <>
      <h1 class="unseen">Mesh</h1>
      <Missing warnings={overview.warnings} />
      <Asked live={overview}>
        {(mesh) => (
          <>
            <Tiles mesh={mesh} />
            {mesh.scope === 'mesh' && <MeshGraph place={place} />}
          </>
        )}
      </Asked>
    </>
  );
}

function Tiles({
  mesh: { proxies, problems, rejections, services, objects, authority, scope },
}: {
  readonly mesh: Overview;
}) {
  const now = useNow();
  const end = authority && Math.min(authority.signer.notAfter, ...authority.roots.map(({ notAfter }) => notAfter));
  return (
    <ul class="tiles">
      <Tile href={link(['proxies'])} value={`${proxies.synced} / ${proxies.total}`} words="proxies synced" />
      {proxies.pending > 0 && (
        <Tile href={link(['proxies'], { state: 'pending' })} value={proxies.pending} words="pending" tone="busy" />
      )}
      {proxies.rejecting > 0 && (
        <Tile href={link(['proxies'], { state: 'rejecting' })} value={proxies.rejecting} words="rejecting" tone="bad" />
      )}
      {scope === 'mesh' && (
        <>
          <Tile
            href={link(['problems'])}
            value={problems.error}
            words={`errors, ${count(problems.warning, 'warning')}`}
            tone={problems.error > 0 ? 'bad' : ''}
          />
          {rejections > 0 && (
            <Tile
              href={link(['proxies'], { state: 'rejecting' })}
              value={rejections}
              words="resources rejected"
              tone="bad"
            />
          )}
          <Tile href={link(['objects'])} value={numeral(objects)} words="objects" />
          <Tile value={numeral(services)} words="services" />
        </>
      )}
      {end !== undefined && authority !== undefined && (
        <Tile
          href={link(['certificates'])}
          value={duration(end - now)}
          words={authority.stage === 'settled' ? 'until the authority ends' : `rotation: ${authority.stage}`}
          tone={authority.signer.urgency > 0 ? 'bad' : ''}
        />
      )}
    </ul>
  );
}

interface TileProps {
  readonly href?: string;
  readonly value: string | number;
  readonly words: string;
  readonly tone?: string;
}

const Tile = ({ href, value, words, tone = '' }: TileProps) => (
  <li>
    {href === undefined ? (
      <div class="tile">
        <strong>{value}</strong> <span>{words}</span>
      </div>
    ) : (
      <a class={`tile ${tone}`} href={href}>
        <strong>{value}</strong> <span>{words}</span>
      </a>
    )}
  </li>
);

function MeshGraph({ place }: { readonly place: Place }) {
  const { namespace = '' } = Object.fromEntries(place.query);
  const live = useLive<Graph>('graph', { namespace });
  const [selected, setSelected] = useState('');
  const look = (to: string): void => (setSelected(''), replaceQuery(place, { namespace: to }));
  return (
    <Asked live={live}>
      {(graph) => (
        <section class="mesh" aria-label="Services and the ways between them">
          <div class="tools">
            <Choice
              label="Namespace"
              value={namespace}
              options={[['', 'all namespaces'], ...graph.namespaces.map((name) => [name, name || 'none'] as const)]}
              onChoose={look}
            />
            <span class="muted">
              {graph.measured ? 'lines: measured requests' : 'lines: what routes lead where'}
              {graph.left > 0 && `; ${graph.left} more are not shown`}
            </span>
          </div>
          <div class="graph-frame">
            <GraphView graph={graph} selected={selected} onSelect={setSelected} onOpen={look} />
            <NodePanel graph={graph} id={selected} onSelect={setSelected} onOpen={look} />
          </div>
        </section>
      )}
    </Asked>
  );
}
