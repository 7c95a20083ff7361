// What the Envoy of a Pod serves beside the mesh: readiness, its metrics joined with the application's, the answers to the
// application's probes, and the start of its own end. An agent does this elsewhere; here it is Envoy itself.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
import type { AppAddress, AppProbes } from './probes.ts';
import type { Cluster, HttpFilter, Route, StaticServices } from './static-services.ts';

import { isIPv6 } from 'node:net';

import { extension, typed } from '../translate/typed.ts';
import { probeServices } from './probes.ts';
import {
  adminCluster,
  compression,
  httpListener,
  localCluster,
  metricsRoute,
  readinessFilter,
} from './static-services.ts';

/** Metrics of the application, on loopback. */
export interface ScrapeTarget {
  readonly port: number;
  readonly path: string;
}

export interface Drain {
  /** Who asks for the end must know this. */
  readonly token: string;
  /** How long the asker is kept waiting, so that clients learn of the end first. */
  readonly seconds: number;
  /** A sidecar's outbound listeners serve its application to the last; a gateway's are what it is for. */
  readonly listeners: 'inbound' | 'all';
}

export interface PodServices {
  /** Of the Pod: one of IPv6 has both families listened for. */
  readonly addresses: readonly string[];
  readonly app: AppAddress;
  readonly adminPort: number;
  readonly readinessPort: number;
  readonly metricsPort: number;
  /** Probes, joined metrics and the drain. Absent: none of them. */
  readonly statusPort?: number;
  readonly probes: AppProbes;
  readonly scrape: readonly ScrapeTarget[];
  /** Whether metrics are compressed for those who take them so. */
  readonly compressed: boolean;
  readonly drain?: Drain;
}

/** The path of the request that begins the drain, and the header that has the token. */
export const drainRequest = { path: '/keelson/drain', header: 'x-keelson-drain-token' } as const;

export function podServices(pod: PodServices): StaticServices {
  const ipv6 = pod.addresses.some((address) => isIPv6(address));
  const compressors = pod.compressed ? compression() : [];
  const listeners = [
    httpListener('readiness', { port: pod.readinessPort, ipv6 }, [], [readinessFilter()]),
    httpListener('metrics', { port: pod.metricsPort, ipv6 }, [metricsRoute()], compressors),
  ];
  const clusters = [localCluster(adminCluster, '127.0.0.1', pod.adminPort)];
  if (pod.statusPort === undefined) return { listeners, clusters };
  const probes = probeServices(pod.probes, pod.app);
  const routes = [
    ...probes.routes,
    ...(pod.drain === undefined ? [] : [drainRoute(pod.drain)]),
    pod.scrape.length === 0 ? metricsRoute() : joinedMetricsRoute(pod.scrape),
  ];
  return {
    listeners: [
      ...listeners,
      httpListener('pod-status', { port: pod.statusPort, ipv6 }, routes, [
        ...compressors,
        ...scriptFilters,
        ...probes.filters,
        readinessFilter(),
      ]),
    ],
    clusters: [...clusters, ...probes.clusters, ...scrapeClusters(pod.scrape)],
  };
}

const lua = 'envoy.filters.http.lua';
const fault = 'envoy.filters.http.fault';

/**
 * Connections are told to close, new ones are still taken, and the asker waits: an httpGet hook can do no more than ask.
 * https://www.envoyproxy.io/docs/envoy/latest/operations/admin#post--drain_listeners
 */
const drainRoute = ({ token, seconds, listeners }: Drain): Route => ({
  match: { path: drainRequest.path, headers: [{ name: drainRequest.header, string_match: { exact: token } }] },
  direct_response: { status: 200 },
  typed_per_filter_config: {
    [lua]: typed('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { name: `drain-${listeners}` }),
    ...(seconds > 0 && {
      [fault]: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {
        delay: { fixed_delay: `${seconds}s`, percentage: { numerator: 100 } },
      }),
    }),
  },
});

const scrapeCluster = (port: number): string => `scrape-${port}`;

const scrapeClusters = (targets: readonly ScrapeTarget[]): readonly Cluster[] =>
  [...new Set(targets.map(({ port }) => port))].map((port) => localCluster(scrapeCluster(port), '127.0.0.1', port));

const joinedMetricsRoute = (targets: readonly ScrapeTarget[]): Route => ({
  match: { path: '/stats/prometheus' },
  direct_response: { status: 500 },
  metadata: {
    filter_metadata: {
      [lua]: { targets: targets.map(({ port, path }) => ({ cluster: scrapeCluster(port), path })) },
    },
  },
  typed_per_filter_config: {
    [lua]: typed('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { name: 'join' }),
  },
});

const drainScript = (which: string): string => `
function envoy_on_request(handle)
  handle:httpCall("${adminCluster}", {
    [":method"] = "POST",
    [":path"] = "/drain_listeners?graceful&skip_exit${which}",
    [":authority"] = "localhost",
    ["content-length"] = "0",
  }, "", 2000)
end
`;

/** Targets are data of the route: nothing that a user wrote becomes part of a program. */
const joinScript = `
local function fetch(handle, cluster, path)
  local headers, body = handle:httpCall(cluster, {
    [":method"] = "GET",
    [":path"] = path,
    [":authority"] = "localhost",
  }, nil, 5000)
  if headers[":status"] ~= "200" or body == nil then return "" end
  if body:sub(-1) == "\\n" then return body end
  return body .. "\\n"
end

function envoy_on_request(handle)
  local text = fetch(handle, "${adminCluster}", "/stats/prometheus?usedonly")
  for _, target in pairs(handle:metadata():get("targets") or {}) do
    text = text .. fetch(handle, target["cluster"], target["path"])
  end
  handle:respond({ [":status"] = "200", ["content-type"] = "text/plain; version=0.0.4; charset=utf-8" }, text)
end
`;

const scriptFilters: readonly HttpFilter[] = [
  extension(lua, 'envoy.extensions.filters.http.lua.v3.Lua', {
    source_codes: {
      'drain-inbound': { inline_string: drainScript('&inboundonly') },
      'drain-all': { inline_string: drainScript('') },
      join: { inline_string: joinScript },
    },
  }),
  extension(fault, 'envoy.extensions.filters.http.fault.v3.HTTPFault', {}),
];
