// Routes that lead to what is not there, as a proxy sees it: a host that no service has, a subset that no DestinationRule
// defines, a port that the service has not. Requests that take such a route are answered with 503.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination
import type { Service } from '../../model/mesh/mesh.ts';
import type { SourcedRoute, VirtualService } from '../../model/mesh/virtual-service.ts';
import type { Destination } from '../../model/schema/index.ts';
import type { Problem } from '../../model/problem.ts';
import type { SourceRef } from '../../model/source.ts';
import type { OutboundView, ServiceView, VirtualServiceView } from '../../model/view.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import { memo } from '../../model/memo.ts';
import { at, describeSource } from '../../model/source.ts';
import { listed } from './words.ts';

/** For the routes that a sidecar has. */
export const destinationProblems = memo(({ egress }: OutboundView): readonly Problem[] => {
  const views = new Set(egress.flatMap(({ virtualServices }) => virtualServices));
  return [...views].flatMap((view) => missingDestinations(view));
});

/** Routes of other APIs have conditions of their own that say so. */
export const missingDestinations = memo(({ virtualService, destinations }: VirtualServiceView): readonly Problem[] =>
  virtualService.api === 'istio'
    ? destinationsOf(virtualService).flatMap((written) => problemOf(written, destinations) ?? [])
    : [],
);

interface Written {
  readonly source: SourceRef;
  readonly destination: Destination;
}

function destinationsOf({ http, tls, tcp }: VirtualService): readonly Written[] {
  const mirrors = http.flatMap(({ source, route: { mirror, mirrors: several = [] } }) => [
    ...(mirror === undefined ? [] : [{ source: at(source, 'mirror'), destination: mirror }]),
    ...several.map(({ destination }, i) => ({ source: at(source, `mirrors[${i}].destination`), destination })),
  ]);
  return [...[...http, ...tls, ...tcp].flatMap(weighted), ...mirrors];
}

type Weighted = SourcedRoute<{ readonly route?: readonly { readonly destination: Destination }[] }>;

const weighted = ({ source, route }: Weighted): readonly Written[] =>
  (route.route ?? []).map(({ destination }, i) => ({ source: at(source, `route[${i}].destination`), destination }));

function problemOf({ source, destination }: Written, known: readonly ServiceView[]): Problem | undefined {
  const { host, subset = '', port } = destination;
  const view = known.find(({ service }) => [service, ...service.aliases].some(({ hostname }) => hostname === host));
  if (view === undefined) return unknownHost(at(source, 'host'), host);
  const { source: service } = view.service;
  const ports = view.service.ports.filter((each) => !isDatagram(each));
  if (port?.number !== undefined && !ports.some(({ number }) => number === port.number))
    return missing('unknown-port', at(source, 'port'), `${describeSource(service)} ${withoutPort(view.service, port.number)}`, `name one of ${listed(ports.map(({ number }) => String(number)))}`); // prettier-ignore
  if (subset === '' || view.policy?.subsets.some(({ name }) => name === subset) === true) return undefined;
  return unknownSubset(at(source, 'subset'), subset, view);
}

const withoutPort = ({ ports }: Service, number: number): string =>
  ports.some((port) => port.number === number) ? `has port ${number} for UDP only` : `has no port ${number}`;

function unknownHost(source: SourceRef, host: string): Problem {
  const hint = /^[^.]+\.[^.]+$/.test(host)
    ? `: for a Service of another namespace write ${host}.svc.cluster.local`
    : '';
  return missing(
    'unknown-destination',
    source,
    `no service that the proxy knows has the host ${host}`,
    `write the host of a Service or ServiceEntry that is exported to it${hint}`,
  );
}

function unknownSubset(source: SourceRef, subset: string, { service, policy }: ServiceView): Problem {
  const [rule] = policy?.sources ?? [];
  if (rule === undefined)
    return missing(
      'unknown-subset',
      source,
      `there is no subset ${subset}: no DestinationRule in force for ${service.hostname} defines any`,
      'define it in spec.subsets of one, or leave subset out',
    );
  const names = policy?.subsets.map(({ name }) => name) ?? [];
  return missing(
    'unknown-subset',
    source,
    `${describeSource(rule)} defines no subset ${subset}${names.length === 0 ? '' : `, but ${listed(names)}`}`,
    'add it to its spec.subsets, or name one that is there',
  );
}

const missing = (code: string, source: SourceRef, what: string, remedy: string): Problem => ({
  code,
  severity: 'warning',
  message: `${what}: requests that come here are answered with 503; ${remedy}`,
  source,
});
