// One request simulated: a form, and every decision about the request with the objects behind it. What is asked stands in
// the address, so that an answer can be shown to somebody else.
import { useEffect, useState } from 'preact/hooks';

import type { ProxyRow, Stretch, Traced, TraceQuestion } from '../../admin/console/api.ts';
import { send } from '../client.ts';
import { useLive } from '../live.ts';
import { Fault, Missing } from '../parts/asked.tsx';
import { Journey } from '../parts/journey.tsx';
import { ProblemList } from '../parts/problem-list.tsx';
import type { Place } from '../place.ts';
import { replaceQuery } from '../place.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

export function TraceView({ place }: { readonly place: Place }) {
  const { from = '', method = 'GET', url = '', headers = '', claims = '' } = Object.fromEntries(place.query);
  const [answer, setAnswer] = useState<{
    readonly traced?: Traced;
    readonly warnings?: readonly string[];
    readonly error?: string;
  }>({});
  const [busy, setBusy] = useState(false);
  const run = (question: TraceQuestion): void => {
    setBusy(true);
    send<Traced>('trace', question)
      .then(
        ({ data, warnings }) => setAnswer({ traced: data, warnings }),
        (error: Error) => setAnswer({ error: error.message }),
      )
      .finally(() => setBusy(false));
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const asked: Record<string, string> = Object.fromEntries(
      [...form].flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
    );
    replaceQuery(place, asked);
    run(questionOf(asked));
  };
  useEffect(() => {
    if (from !== '' && url !== '') run(questionOf({ from, method, url, headers, claims }));
  }, []);
  return (
    <>
      <h1>Trace a request</h1>
      <TraceForm asked={{ from, method, url, headers, claims }} busy={busy} onSubmit={submit} />
      <div aria-live="polite">
        {answer.error !== undefined && <Fault words={answer.error} />}
        <Missing warnings={answer.warnings ?? []} />
        {answer.traced !== undefined && answer.traced.problems.length > 0 && (
          <ProblemList problems={answer.traced.problems} />
        )}
        {answer.traced !== undefined && <Journey hop={answer.traced} />}
      </div>
    </>
  );
}

const lines = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const questionOf = ({ from = '', method = '', url = '', headers, claims }: Readonly<Record<string, string>>) => ({
  from: from.trim(),
  method,
  url: url.trim(),
  headers: lines(headers),
  claims: lines(claims),
});

interface FormProps {
  readonly asked: Readonly<Record<'from' | 'method' | 'url' | 'headers' | 'claims', string>>;
  readonly busy: boolean;
  readonly onSubmit: (event: SubmitEvent) => void;
}

function TraceForm({ asked, busy, onSubmit }: FormProps) {
  return (
    <form class="trace-form panel" onSubmit={onSubmit}>
      <ProxyField value={asked.from} />
      <label>
        Method
        <select name="method" defaultValue={asked.method}>
          {methods.map((method) => (
            <option key={method} selected={method === asked.method}>
              {method}
            </option>
          ))}
        </select>
      </label>
      <label class="wide">
        URL
        <input
          name="url"
          required
          defaultValue={asked.url}
          placeholder="http://store/items, https://store, tcp://db:3306"
          autocapitalize="off"
          spellcheck={false}
        />
      </label>
      <details open={asked.headers !== '' || asked.claims !== ''}>
        <summary>Headers and token</summary>
        <label>
          Headers, one a line
          <textarea name="headers" rows={3} defaultValue={asked.headers} placeholder="x-user: ann" />
        </label>
        <label>
          Claims of a valid token, one a line
          <textarea name="claims" rows={3} defaultValue={asked.claims} placeholder="iss=https://issuer.example.com" />
        </label>
      </details>
      <button type="submit" disabled={busy}>
        {busy ? 'Tracing …' : 'Trace'}
      </button>
    </form>
  );
}

/** Names are suggested while one types, the first of those that match. */
function ProxyField({ value }: { readonly value: string }) {
  const [typed, setTyped] = useState(value);
  const live = useLive<Stretch<ProxyRow>>('proxies', { search: typed, limit: '20' });
  return (
    <label>
      From
      <input
        name="from"
        list="proxies"
        required
        defaultValue={value}
        placeholder="pod.namespace"
        autocapitalize="off"
        spellcheck={false}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <datalist id="proxies">
        {live.data?.items.map(({ connection, proxy }) => (
          <option key={connection} value={proxy} />
        ))}
      </datalist>
    </label>
  );
}
