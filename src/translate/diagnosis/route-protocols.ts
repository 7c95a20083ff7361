// Rules for HTTP on hosts whose ports do not speak it, because of how a port is called; and matches on ports that a host has
// not. Such rules are never asked.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import type { Service, ServicePort } from '../../model/mesh/mesh.ts';
import type { VirtualService } from '../../model/mesh/virtual-service.ts';
import type { Problem } from '../../model/problem.ts';
import type { EgressListener, OutboundView } from '../../model/view.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import { memo, sharedList } from '../../model/memo.ts';
import { at, describeSource } from '../../model/source.ts';
import { hostMatches } from '../resolve/routing/host.ts';
import { isHttp } from '../resolve/services/protocol.ts';
import { listed } from './words.ts';

/** For the routes that a sidecar has. */
export const protocolProblems = memo(({ egress }: OutboundView): readonly Problem[] => egress.flatMap(ofListener));

function ofListener({ services, virtualServices }: EgressListener): readonly Problem[] {
  const byHost = Map.groupBy(services, ({ service }) => service.hostname);
  return virtualServices.flatMap(({ virtualService }) => {
    const exact = virtualService.hosts.flatMap((host) => byHost.get(host) ?? []);
    const wild = virtualService.hosts.filter((host) => host.startsWith('*'));
    // Most have none, and in a large mesh to ask each service anyway is most of what a look at conflicts costs.
    const others =
      wild.length === 0
        ? []
        : services.filter(({ service }) => wild.some((host) => hostMatches(host, service.hostname)));
    return unasked(virtualService, sharedList([...exact, ...others].map(({ service }) => service)));
  });
}

const unasked = memo((virtualService: VirtualService, services: readonly Service[]): readonly Problem[] => {
  const { api, http, source } = virtualService;
  if (api !== 'istio' || http.length === 0 || services.length === 0) return [];
  const ports = services.flatMap((service) =>
    service.ports.flatMap((port) => (isDatagram(port) ? [] : [{ service, port }])),
  );
  if (ports.some(({ port }) => takesHttp(port))) return unmatchedPorts(virtualService, services);
  const [first] = ports;
  if (first === undefined) return [];
  return [
    {
      code: 'no-effect',
      severity: 'warning',
      message: `these rules are for HTTP, and no port of ${first.service.hostname} speaks it: ${notHttp(first.service, first.port)}`,
      source: at(source, 'spec.http'),
    },
  ];
});

const takesHttp = ({ protocol }: ServicePort): boolean => isHttp(protocol) || protocol === 'Auto';

/** What a port is, why, and what would be right. */
export function notHttp({ source, registry }: Service, { name, number, protocol }: ServicePort): string {
  const object = describeSource(at(source, 'spec.ports'));
  if (registry === 'External') return `port ${number} is ${protocol} in ${object}; if it is HTTP, write protocol: HTTP`;
  const better = `http-${name.replace(/^[^-]*-?/, '') || number}`;
  return `port ${number} is ${protocol} by its name ${JSON.stringify(name)} (or appProtocol) in ${object}; if it is HTTP, call it ${better} or write appProtocol: http`;
}

/** Matches on ports that none of the hosts has. */
function unmatchedPorts({ http }: VirtualService, services: readonly Service[]): readonly Problem[] {
  const known = new Set(
    services.flatMap(({ ports }) => ports.flatMap((port) => (isDatagram(port) ? [] : [port.number]))),
  );
  return http.flatMap(({ source, route }) =>
    (route.match ?? []).flatMap(({ port = 0 }, i): readonly Problem[] =>
      port === 0 || known.has(port)
        ? []
        : [
            {
              code: 'unreachable-rule',
              severity: 'warning',
              message: `never matches: ${services[0]?.hostname} has no port ${port}, only ${listed([...known].map(String))}`,
              source: at(source, `match[${i}].port`),
            },
          ],
    ),
  );
}
