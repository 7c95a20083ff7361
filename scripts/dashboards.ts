// Writes manifests/dashboards: what Grafana shows of the daemon and of the mesh, from the metrics of docs/observability.md.
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Panel {
  readonly title: string;
  readonly unit: string;
  /** Query by legend. */
  readonly queries: Readonly<Record<string, string>>;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  /** Label of the variable, and the metric that has its values. */
  readonly variables: Readonly<Record<string, string>>;
  readonly panels: readonly Panel[];
}

const rate = (metric: string): string => `rate(${metric}[$__rate_interval])`;
const quantile = (q: number, histogram: string, by = 'le'): string =>
  `histogram_quantile(${q}, sum by (${by}) (${rate(`${histogram}_bucket`)}))`;

const daemon: Dashboard = {
  uid: 'keelson-daemon',
  title: 'Keelson: the control plane',
  variables: {},
  panels: [
    {
      title: 'Proxies',
      unit: 'short',
      queries: { '{{version}}': 'sum by (version) (pilot_xds)', 'out of sync': 'sum(keelson_proxies_out_of_sync)' },
    },
    {
      title: 'From a change to the last answer',
      unit: 's',
      queries: {
        'half of them': quantile(0.5, 'pilot_proxy_convergence_time'),
        '99 %': quantile(0.99, 'pilot_proxy_convergence_time'),
      },
    },
    { title: 'Changes', unit: 'ops', queries: { '{{type}}': `sum by (type) (${rate('pilot_push_triggers')})` } },
    {
      title: 'Resources made for a change',
      unit: 'short',
      queries: {
        mean: `sum(${rate('keelson_change_resources_sum')}) / sum(${rate('keelson_change_resources_count')})`,
      },
    },
    { title: 'Responses', unit: 'ops', queries: { '{{type}}': `sum by (type) (${rate('pilot_xds_pushes')})` } },
    {
      title: 'Bytes sent',
      unit: 'Bps',
      queries: { '{{type}}': `sum by (type) (${rate('keelson_xds_bytes_sent_total')})` },
    },
    {
      title: 'Rejections',
      unit: 'ops',
      queries: {
        '{{type}}': `sum by (type) (${rate('pilot_total_xds_rejects')})`,
        quarantined: 'sum(keelson_quarantined_resources)',
      },
    },
    {
      title: 'Problems of objects',
      unit: 'short',
      queries: { '{{severity}}': 'max by (severity) (keelson_problems)' },
    },
    {
      title: 'Admission',
      unit: 'ops',
      queries: {
        'let in': `sum(${rate('galley_validation_passed')})`,
        refused: `sum(${rate('galley_validation_failed')})`,
        injected: `sum(${rate('sidecar_injection_success_total')})`,
      },
    },
    {
      title: 'Certificates end in',
      unit: 's',
      queries: {
        root: 'min(citadel_server_root_cert_expiry_seconds)',
        signer: 'min(citadel_server_cert_chain_expiry_seconds)',
      },
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: { '{{pod}}': 'sum by (pod) (process_resident_memory_bytes{job="istiod"})' },
    },
    { title: 'Delay of the event loop', unit: 's', queries: { '99 %': 'max(nodejs_eventloop_lag_p99_seconds)' } },
  ],
};

const of = 'reporter="destination",destination_service_namespace=~"$namespace",destination_service=~"$service"';
const requests = (more = ''): string => rate(`istio_requests_total{${of}${more}}`);

const mesh: Dashboard = {
  uid: 'keelson-mesh',
  title: 'Keelson: the mesh',
  variables: { namespace: 'destination_service_namespace', service: 'destination_service' },
  panels: [
    {
      title: 'Requests',
      unit: 'reqps',
      queries: { '{{destination_service}}': `sum by (destination_service) (${requests()})` },
    },
    {
      title: 'Share of errors',
      unit: 'percentunit',
      queries: {
        '{{destination_service}}': `sum by (destination_service) (${requests(',response_code=~"5.."')}) / sum by (destination_service) (${requests()})`,
      },
    },
    {
      title: '99 % are answered within',
      unit: 'ms',
      queries: {
        '{{destination_service}}': quantile(
          0.99,
          `istio_request_duration_milliseconds`,
          'le, destination_service',
        ).replace('_bucket[', `_bucket{${of}}[`),
      },
    },
    {
      title: 'Who calls',
      unit: 'reqps',
      queries: {
        '{{source_workload}} → {{destination_workload}}': `sum by (source_workload, destination_workload) (${requests()})`,
      },
    },
    {
      title: 'Without mutual TLS',
      unit: 'reqps',
      queries: {
        '{{source_workload}} → {{destination_workload}}': `sum by (source_workload, destination_workload) (${requests(',connection_security_policy!="mutual_tls"')})`,
      },
    },
    {
      title: 'gRPC messages',
      unit: 'ops',
      queries: {
        sent: `sum(${rate(`istio_request_messages_total{${of}}`)})`,
        received: `sum(${rate(`istio_response_messages_total{${of}}`)})`,
      },
    },
    {
      title: 'TCP bytes',
      unit: 'Bps',
      queries: {
        received: `sum by (destination_service) (${rate(`istio_tcp_received_bytes_total{${of}}`)})`,
        sent: `sum by (destination_service) (${rate(`istio_tcp_sent_bytes_total{${of}}`)})`,
      },
    },
  ],
};

export const dashboards: Readonly<Record<string, Dashboard>> = { daemon, mesh };

const source = { type: 'prometheus', uid: '${datasource}' };
const [width, height] = [12, 8];

/** As Grafana imports it: two panels in a row. */
export const grafana = ({ uid, title, variables, panels }: Dashboard): object => ({
  uid,
  title,
  tags: ['keelson'],
  schemaVersion: 39,
  time: { from: 'now-1h', to: 'now' },
  refresh: '30s',
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
      ...Object.entries(variables).map(([name, label]) => ({
        name,
        type: 'query',
        datasource: source,
        query: `label_values(istio_requests_total, ${label})`,
        includeAll: true,
        allValue: '.*',
        multi: true,
        refresh: 2,
      })),
    ],
  },
  panels: panels.map(({ title: caption, unit, queries }, i) => ({
    id: i + 1,
    type: 'timeseries',
    title: caption,
    datasource: source,
    gridPos: { x: (i % 2) * width, y: Math.floor(i / 2) * height, w: width, h: height },
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: Object.entries(queries).map(([legendFormat, expr], j) => ({
      refId: String.fromCodePoint(65 + j),
      datasource: source,
      expr,
      legendFormat,
    })),
  })),
});

if (import.meta.main) {
  const folder = join(import.meta.dirname, '../manifests/dashboards');
  await mkdir(folder, { recursive: true });
  for (const [name, dashboard] of Object.entries(dashboards))
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify(grafana(dashboard), null, 2)}\n`);
}
