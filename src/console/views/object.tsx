// One object: what is wrong with it, what its status says, where it has effect, and what it is.
import type { Effect, ObjectDetail } from '../../admin/console/api.ts';
import { describeSource } from '../../model/source.ts';
import { useLive } from '../live.ts';
import { Asked, Fault, Missing } from '../parts/asked.tsx';
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
  const effect = useLive<Effect>('effect', { kind, namespace, name });
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
            <Conditions object={object} effect={effect.data} />
            {object.problems.length > 0 && (
              <section>
                <h2>Problems</h2>
                <ProblemList problems={object.problems} />
              </section>
            )}
            {effect.error !== undefined && <Fault words={effect.error} />}
            {effect.data !== undefined && <EffectOf object={object} effect={effect.data} />}
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

interface ConditionsProps {
  readonly object: ObjectDetail;
  /** undefined as long as proxies are looked through. */
  readonly effect: Effect | undefined;
}

function Conditions({ object: { rejections, conditions, errors }, effect }: ConditionsProps) {
  return (
    <ul class="conditions">
      <li>
        <Badge tone={errors > 0 ? 'bad' : 'good'}>{errors > 0 ? 'not accepted' : 'accepted'}</Badge>
        {errors > 0 && <span>{count(errors, 'error')}</span>}
      </li>
      <li>
        {effect === undefined ? <Badge tone="quiet">looking through proxies …</Badge> : <Programmed {...effect} />}
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

const Programmed = ({ affected, live }: Effect) => (
  <>
    <Badge tone={affected === 0 ? 'quiet' : live === affected ? 'good' : 'busy'}>programmed</Badge>
    <span>
      {affected === 0
        ? 'no connected proxy has anything because of it'
        : `live on ${live} of ${count(affected, 'proxy', 'proxies')} that it concerns`}
    </span>
  </>
);

function EffectOf({ object, effect }: { readonly object: ObjectDetail; readonly effect: Effect }) {
  const { names, affected, resources, reasons } = effect;
  const lines = describeSource({ kind: object.kind, namespace: object.namespace, name: object.name });
  if (reasons.length > 0)
    return (
      <section>
        <h2>Why it has no effect</h2>
        <ProblemList problems={reasons} />
      </section>
    );
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
