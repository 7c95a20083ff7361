// What proxies measured of requests, as a Prometheus that reads them knows it: by who sent them, to which service, how many
// failed, and how many came through mutual TLS.
// https://istio.io/latest/docs/reference/config/metrics/
// https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
import type { MeasuredEdge } from '../../../admin/console/source.ts';
import { limitedText } from '../../../watchers/fetch/limited-text.ts';

/** Of the receiver's own count, which knows what arrived and how. */
const query =
  'sum by (source_canonical_service, source_workload_namespace, destination_service, response_code, connection_security_policy) (rate(istio_requests_total{reporter="destination"}[1m])) > 0';

const limits = { milliseconds: 5000, bytes: 16 << 20, edges: 5000 };
/** For so many milliseconds an answer is good for all pages. */
const freshness = 5000;

export type Traffic = () => Promise<readonly MeasuredEdge[] | undefined>;

/** undefined whenever the Prometheus at `url` does not answer: the console then shows what is configured. */
export function prometheusTraffic(
  url: string,
  onFault: (fault: unknown) => void,
  now: () => number = Date.now,
): Traffic {
  let last: { readonly at: number; readonly edges: ReturnType<Traffic> } | undefined;
  return () => {
    if (last === undefined || now() - last.at > freshness) {
      const edges = asked(url).catch((fault: unknown) => {
        onFault(fault);
        return undefined;
      });
      last = { at: now(), edges };
    }
    return last.edges;
  };
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface Answer {
  readonly data?: { readonly result?: readonly Sample[] };
}

async function asked(url: string): Promise<readonly MeasuredEdge[]> {
  const response = await fetch(`${url.replace(/\/+$/, '')}/api/v1/query?query=${encodeURIComponent(query)}`, {
    signal: AbortSignal.timeout(limits.milliseconds),
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`Prometheus answers ${response.status}`);
  const answer = JSON.parse(await limitedText(response, limits.bytes, 'the answer of Prometheus')) as Answer;
  return measuredEdges(answer.data?.result ?? []);
}

/** Samples of one sender and one service together. */
export function measuredEdges(samples: readonly Sample[]): readonly MeasuredEdge[] {
  const found = new Map<string, MeasuredEdge & { readonly sealed: number }>();
  for (const { metric, value } of samples) {
    const rate = Number(value[1]);
    const {
      source_canonical_service: name = 'unknown',
      source_workload_namespace: namespace = '',
      destination_service: hostname = '',
      response_code: code = '',
      connection_security_policy: policy,
    } = metric;
    if (!(rate > 0) || hostname === '' || found.size >= limits.edges) continue;
    const key = `${namespace}/${name} ${hostname}`;
    const known = found.get(key);
    const requestsPerSecond = (known?.requestsPerSecond ?? 0) + rate;
    const sealed = (known?.sealed ?? 0) + (policy === 'mutual_tls' ? rate : 0);
    const errorsPerSecond = (known?.errorsPerSecond ?? 0) + (isFailure(code) ? rate : 0);
    const mutual = sealed / requestsPerSecond;
    found.set(key, { from: { name, namespace }, to: { hostname }, requestsPerSecond, errorsPerSecond, mutual, sealed });
  }
  return [...found.values()].map(({ sealed: _sealed, ...edge }) => edge);
}

/** Without an answer, or with one that blames the server. */
const isFailure = (code: string): boolean => code === '0' || code.startsWith('5');
