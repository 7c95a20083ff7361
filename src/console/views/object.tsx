// One object: what is wrong with it, what its status says, where it has effect, and what it is.
import type { ObjectDetail } from '../../admin/console/api.ts';
import { describeSource } from '../../model/source.ts';
import { useLive } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { Badge } from '../parts/badge.tsx';
import { ProblemList } from '../parts/problem-list.tsx';
import { Tree } from '../parts/tree.tsx';
import type { Place } from '../place.ts';
import { link } from '../place.ts';
import { count, kindNames } from '../words.ts';

export function ObjectView({ place }: { readonly place: Place }) {
  const [, kind = '', given = '', name = ''] = place.path;
  const namespace = given === '-' ? '' : given;
  const live = useLive<ObjectDetail>('object', { kind, namespace, name });
  return (
    <>
      <p class="muted above">
        {kind} {namespace !== '' && `in ${namespace}`}
      </p>
      <h1>{name}</h1>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(object) => (
          <>
            <Conditions object={object} />
            {object.problems.length > 0 && (
              <section>
                <h2>Problems</h2>
                <ProblemList problems={object.problems} />
              </section>
            )}
            {object.effect.reasons.length > 0 && (
              <section>
                <h2>Why it has no effect</h2>
                <ProblemList problems={object.effect.reasons} />
              </section>
            )}
            <EffectOf object={object} />
            <section class="panel written">
              <h2>The object</h2>
              <Tree question="written" about={{ kind, namespace, name }} />
            </section>
          </>
        )}
      </Asked>
    </>
  );
}

function Conditions({ object: { effect, rejections, conditions, errors } }: { readonly object: ObjectDetail }) {
  const { affected, live } = effect;
  return (
    <ul class="conditions">
      <li>
        <Badge tone={errors > 0 ? 'bad' : 'good'}>{errors > 0 ? 'not accepted' : 'accepted'}</Badge>
        {errors > 0 && <span>{count(errors, 'error')}</span>}
      </li>
      <li>
        <Badge tone={affected === 0 ? 'quiet' : live === affected ? 'good' : 'busy'}>programmed</Badge>
        <span>
          {affected === 0
            ? 'no connected proxy has anything because of it'
            : `live on ${live} of ${count(affected, 'proxy', 'proxies')} that it concerns`}
        </span>
      </li>
      {rejections.map(({ name, error, proxies }) => (
        <li key={name}>
          <Badge tone="bad">rejected</Badge>
          <span>
            <code>{name}</code> by {count(proxies, 'proxy', 'proxies')}: {error}
          </span>
        </li>
      ))}
      {conditions.map(({ type, status, reason, message }) => (
        <li key={type}>
          <Badge tone={status === 'True' ? 'good' : status === 'False' ? 'bad' : 'quiet'}>
            {type}: {status}
          </Badge>
          <span>
            {reason} {message}
          </span>
        </li>
      ))}
    </ul>
  );
}

function EffectOf({ object: { kind, namespace, name: own, effect } }: { readonly object: ObjectDetail }) {
  const { names, affected, resources } = effect;
  const lines = describeSource({ kind, namespace, name: own });
  if (affected === 0) return null;
  const [first = ''] = names;
  return (
    <section>
      <h2>Where it has effect</h2>
      <p class="hint">A proxy leads to the lines of its configuration that are there because of the object.</p>
      <div class="columns">
        <div>
          <h3>{count(affected, 'proxy', 'proxies')}</h3>
          <ul class="plain-list">
            {names.map((proxy) => (
              <li key={proxy}>
                <a href={link(['proxy', proxy], { search: lines })}>{proxy}</a>
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3>Resources</h3>
          <ul class="plain-list">
            {resources.map(({ kind, name }) => (
              <li key={`${kind} ${name}`}>
                <span class="muted">{kindNames[kind]}</span> <a href={link(['proxy', first], { kind, name })}>{name}</a>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}
