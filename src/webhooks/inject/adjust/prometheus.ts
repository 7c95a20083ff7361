// Prometheus is led to the proxy's status port, which answers with the application's metrics and its own: the application's
// port may take nothing without a certificate of the mesh.
// https://istio.io/latest/docs/ops/integrations/prometheus/#option-1-metrics-merging
import { servicePorts } from '../../../bootstrap/pod-environment.ts';
import { truthOf } from '../pod/annotations.ts';
import type { EnvVar, StringMap } from '../pod/pod.ts';

const targetsAnnotation = 'prometheus.istio.io/scrape-targets';

export interface MergedMetrics {
  /** With the proxy's place instead of the application's. */
  readonly annotations: StringMap;
  /** Tells the proxy where the application's metrics are. */
  readonly variable?: EnvVar;
}

/** Where the application's metrics cannot be, as the proxy is there. */
const taken: Readonly<Record<number, string>> = {
  15000: "Envoy's admin interface",
  15001: 'outbound traffic',
  15006: 'inbound traffic',
  [servicePorts.readiness]: "the proxy's readiness",
  15053: 'DNS queries',
  [servicePorts.metrics]: "Envoy's own metrics, which are joined with yours already",
};

export function mergeMetrics(
  annotations: StringMap,
  { statusPort, enabled }: { readonly statusPort: number; readonly enabled: boolean },
): MergedMetrics | { readonly fault: string } {
  if (!(truthOf(annotations, 'prometheus.istio.io/merge-metrics') ?? enabled) || statusPort === 0)
    return { annotations };
  const asked = askedFor(annotations);
  const targets = targetsOf(annotations[targetsAnnotation]);
  const wrong = [asked.port, ...targets.map(({ port }) => port)].find((port) => taken[Number(port)] !== undefined);
  if (wrong !== undefined)
    return {
      fault: `the Prometheus annotations name port ${wrong}, which is for ${taken[Number(wrong)]}: name the application's port, or none`,
    };
  if (asked.scrape === 'false' || asked.port === String(statusPort)) return { annotations };
  const others = Object.entries(annotations).filter(
    ([name]) => meaning(name) === undefined && name !== targetsAnnotation,
  );
  const [first] = targets;
  const told = first === undefined ? asked : { scrape: asked.scrape, path: first.path, port: first.port, targets };
  return {
    annotations: {
      ...Object.fromEntries(others),
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': String(statusPort),
      'prometheus.io/path': '/stats/prometheus',
    },
    ...((asked.isPresent || first !== undefined) && {
      variable: { name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: JSON.stringify({ ...told, isPresent: undefined }) },
    }),
  };
}

interface Asked {
  readonly scrape: string;
  readonly path: string;
  readonly port: string;
  readonly isPresent: boolean;
}

/** Prometheus sees labels, in which every odd character is an underscore: so many spellings mean the same. */
const meaning = (name: string): 'scrape' | 'path' | 'port' | undefined => {
  const word = /^prometheus_io_(scrape|path|port)$/.exec(name.replaceAll(/\W/g, '_'))?.[1];
  return word as 'scrape' | 'path' | 'port' | undefined;
};

function askedFor(annotations: StringMap): Asked {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(annotations)) {
    const word = meaning(name);
    if (word !== undefined) found[word] = value;
  }
  const { scrape = '', path = '', port = '' } = found;
  return { scrape, path, port, isPresent: Object.keys(found).length > 0 };
}

/** `9101:/a, 9102` */
function targetsOf(text = ''): readonly { readonly port: string; readonly path: string }[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const colon = item.indexOf(':');
      return colon < 0 ? { port: item, path: '/metrics' } : { port: item.slice(0, colon), path: item.slice(colon + 1) };
    });
}
