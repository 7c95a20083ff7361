// One proxy: how far it is, and its configuration with the cause of every line.
import type { ProxyDetail, TypeRow } from '../../admin/console/api.ts';
import { useLive, useNow } from '../live.ts';
import { Asked, Fault, Missing } from '../parts/asked.tsx';
import { Badge, StateBadge } from '../parts/badge.tsx';
import { Remedy } from '../parts/remedy.tsx';
import { Source } from '../parts/source.tsx';
import type { Column } from '../parts/table.tsx';
import { Table } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { link } from '../place.ts';
import { ago, numeral } from '../words.ts';
import { Configuration } from './configuration.tsx';

export function ProxyView({ place }: { readonly place: Place }) {
  const name = place.path[1] ?? '';
  const live = useLive<ProxyDetail>('proxy', { proxy: name });
  return (
    <>
      <h1>{name}</h1>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {(proxy) => (
          <>
            <Facts proxy={proxy} />
            <details>
              <summary>What was sent and accepted</summary>
              <Types types={proxy.types} />
            </details>
            <Configuration place={place} proxy={name} kinds={proxy.kinds} />
          </>
        )}
      </Asked>
    </>
  );
}

function Facts({ proxy }: { readonly proxy: ProxyDetail }) {
  const now = useNow();
  const { state, error, role, address, identity, since, envoy, labels, unacceptedSecrets, rejections } = proxy;
  return (
    <>
      {error !== undefined && <Fault words={`It rejects what it was sent: ${error}`} />}
      {rejections.length > 0 && <Rejections rejections={rejections} />}
      <dl class="facts">
        <Fact name="State">
          <StateBadge state={state} />
        </Fact>
        <Fact name="Role">{role}</Fact>
        <Fact name="Address">
          <code>{address}</code>
        </Fact>
        <Fact name="Identity">
          <code>{identity ?? 'none'}</code>
        </Fact>
        <Fact name="Connected">{ago(since, now)}</Fact>
        {envoy !== '' && <Fact name="Version">{envoy}</Fact>}
        <Fact name="Labels">
          <code>
            {Object.entries(labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(' ') || 'none'}
          </code>
        </Fact>
        {unacceptedSecrets.length > 0 && <Fact name="Secrets not accepted">{unacceptedSecrets.join(', ')}</Fact>}
      </dl>
      <p>
        <a href={link(['trace'], { from: proxy.proxy })}>Trace a request from here</a>
      </p>
    </>
  );
}

const Rejections = ({ rejections }: Pick<ProxyDetail, 'rejections'>) => (
  <section class="panel">
    <h2>What it does not take</h2>
    <p class="hint">The last good version of each stays in force, for new proxies too.</p>
    <ul class="plain-list">
      {rejections.map(({ name, source }) => (
        <li key={name}>
          <code>{name}</code>
          {source !== undefined && (
            <>
              , most likely because of <Source source={source} />
            </>
          )}
        </li>
      ))}
    </ul>
    <Remedy code="rejected-resource" />
  </section>
);

const Fact = ({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function Types({ types }: { readonly types: readonly TypeRow[] }) {
  const now = useNow();
  const columns: readonly Column<TypeRow>[] = [
    { head: 'Type', cell: ({ type }) => type },
    {
      head: 'State',
      cell: ({ synced, error }) =>
        error === undefined ? <StateBadge state={synced ? 'synced' : 'pending'} /> : <Badge tone="bad">rejected</Badge>,
    },
    { head: 'Resources', cell: ({ resources }) => numeral(resources), number: true },
    { head: 'Sent', cell: ({ sentAt }) => ago(sentAt, now) },
    { head: 'Accepted', cell: ({ ackedAt }) => ago(ackedAt, now) },
    { head: 'Rejections', cell: ({ nacks }) => nacks, number: true },
  ];
  return (
    <Table
      caption="Types of resources"
      columns={columns}
      items={types}
      keyOf={({ type }) => type}
      empty="Nothing yet."
    />
  );
}
