// TCP and TLS routes of a VirtualService.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute
import type { L4MatchAttributes, TCPRoute, TLSRoute } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { doubtful, invalid, missing } from '../../draft.ts';
import { checkDestination, checkWeights } from './destination.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { covers, isAddress, isGeneratedSni, subnetFault, wildcardNameFault } from '../syntax/host.ts';
import { checkLabels } from '../syntax/labels.ts';

export function* checkTcpRoute(route: TCPRoute, path: FieldPath): Drafts {
  for (const [index, match] of (route.match ?? []).entries()) yield* checkMatch(match, [...path, 'match', index]);
  yield* checkTargets(route, path);
}

export function* checkTlsRoute(route: TLSRoute, path: FieldPath, hosts: readonly string[], forMesh: boolean): Drafts {
  if (route.match.length === 0) yield missing([...path, 'match'], 'a TLS route needs at least one match');
  for (const [index, match] of route.match.entries()) {
    const at = [...path, 'match', index];
    if (match.sniHosts.length === 0) yield missing([...at, 'sniHosts'], 'a TLS match needs at least one SNI host');
    for (const [hostIndex, sni] of match.sniHosts.entries())
      yield* checkSniHost(sni, [...at, 'sniHosts', hostIndex], hosts, forMesh);
    yield* checkMatch(match, at);
  }
  yield* checkTargets(route, path);
}

function* checkSniHost(sni: string, path: FieldPath, hosts: readonly string[], forMesh: boolean): Drafts {
  const fault = !forMesh && isGeneratedSni(sni) ? undefined : wildcardNameFault(sni);
  if (fault !== undefined) {
    if (isAddress(sni)) yield doubtful(path, 'most clients send no server name for an IP address');
    else yield invalid(path, fault);
  } else if (!hosts.some((host) => covers(host, sni))) {
    yield invalid(path, `"${sni}" is not covered by any of the hosts ${hosts.join(', ')}`);
  }
}

type Match = Pick<L4MatchAttributes, 'destinationSubnets' | 'sourceLabels' | 'gateways'>;

function* checkMatch(match: Match, path: FieldPath): Drafts {
  for (const [index, subnet] of (match.destinationSubnets ?? []).entries()) {
    const fault = subnetFault(subnet);
    if (fault !== undefined) yield invalid([...path, 'destinationSubnets', index], fault);
  }
  yield* checkLabels(match.sourceLabels, [...path, 'sourceLabels']);
  yield* checkGatewayNames(match.gateways, [...path, 'gateways']);
}

function* checkTargets({ route = [] }: Pick<TCPRoute, 'route'>, path: FieldPath): Drafts {
  if (route.length === 0) yield missing([...path, 'route'], 'at least one destination is required');
  for (const [index, target] of route.entries())
    yield* checkDestination(target.destination, [...path, 'route', index, 'destination']);
  yield* checkWeights(route, [...path, 'route']);
}
