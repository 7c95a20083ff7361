// Who signs, until when, how far a rotation is, and who has not taken its certificates yet.
import type { Certificate, Certificates } from '../../admin/console/api.ts';
import { useLive, useNow } from '../live.ts';
import { Asked, Missing } from '../parts/asked.tsx';
import { Badge } from '../parts/badge.tsx';
import { PagedTable } from '../parts/table.tsx';
import type { Place } from '../place.ts';
import { link } from '../place.ts';
import { duration, moment } from '../words.ts';

const stages: Readonly<Record<string, string>> = {
  settled: 'No rotation is under way.',
  distributing: 'A new root is given to all proxies; the old authority still signs.',
  switching: 'The new authority signs; certificates are being replaced.',
};

export function CertificatesView({ place }: { readonly place: Place }) {
  const { offset = '' } = Object.fromEntries(place.query);
  const live = useLive<Certificates>('certificates', { offset });
  return (
    <>
      <h1>Certificates</h1>
      <Missing warnings={live.warnings} />
      <Asked live={live}>
        {({ stage, origin, waiting, signer, roots, unaccepted }) => (
          <>
            <p>
              <Badge tone={stage === 'settled' ? 'good' : 'busy'}>{stage}</Badge> {stages[stage] ?? ''}{' '}
              {origin === 'plugged'
                ? 'The authority comes from the Secret cacerts.'
                : 'The authority was made by the control plane itself.'}
            </p>
            {waiting.length > 0 && <p>The rotation waits for {waiting.slice(0, 20).join(', ')}.</p>}
            <div class="cards">
              <CertificateCard title="The authority that signs" certificate={signer} />
              {roots.map((root) => (
                <CertificateCard key={root.subject + root.notAfter} title="Root that is trusted" certificate={root} />
              ))}
            </div>
            <h2>Proxies that have not accepted their secrets</h2>
            <PagedTable
              caption="Proxies that have not accepted their secrets"
              columns={[
                { head: 'Proxy', cell: ({ proxy }) => <a href={link(['proxy', proxy])}>{proxy}</a> },
                { head: 'Secrets', cell: ({ secrets }) => secrets.join(', ') },
              ]}
              stretch={unaccepted}
              place={place}
              keyOf={({ proxy }) => proxy}
              empty="All have accepted theirs."
            />
          </>
        )}
      </Asked>
    </>
  );
}

interface CardProps {
  readonly title: string;
  readonly certificate: Certificate;
}

function CertificateCard({ title, certificate: { subject, notAfter, left, urgency } }: CardProps) {
  const now = useNow();
  return (
    <article class="panel">
      <h2>{title}</h2>
      <p>
        <code>{subject}</code>
      </p>
      <label class="life">
        Ends in {duration(notAfter - now)}, on {moment(notAfter)}
        <meter min={0} max={1} low={0.1} high={0.3} optimum={1} value={left}>
          {Math.round(left * 100)} %
        </meter>
      </label>
      {urgency > 0 && <Badge tone="warn">rotate it before then</Badge>}
    </article>
  );
}
