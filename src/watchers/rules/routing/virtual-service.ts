// VirtualService: hosts, gateways and the routes of the three protocols.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/
import type { KindMap, VirtualServiceSpec } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { conflict, duplicate, invalid, missing, unsupported } from '../../draft.ts';
import { checkExportTo } from '../common.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { checkHttpRoute } from './http-route.ts';
import { checkReachability } from './route-reachability.ts';
import { checkTcpRoute, checkTlsRoute } from './tcp-route.ts';
import { covers, isAddress, isGeneratedSni, wildcardNameFault } from '../syntax/host.ts';
import { isClaim } from '../syntax/header.ts';

export function* virtualService({ spec, metadata }: KindMap['VirtualService']): Drafts {
  const isDelegate = (spec.hosts ?? []).length === 0;
  const gateways = spec.gateways ?? [];
  const forMesh = gateways.length === 0 || gateways.includes('mesh');
  yield* isDelegate ? checkDelegate(spec) : checkHosts(spec, forMesh);
  yield* checkGatewayNames(gateways, ['spec', 'gateways']);
  if (forMesh) yield* checkClaims(spec);
  if (![spec.http, spec.tls, spec.tcp].some((routes) => (routes ?? []).length > 0))
    yield missing(['spec'], 'one of http, tls and tcp is required');
  for (const [index, route] of (spec.http ?? []).entries())
    yield* checkHttpRoute(route, ['spec', 'http', index], isDelegate);
  for (const [index, route] of (spec.tls ?? []).entries())
    yield* checkTlsRoute(route, ['spec', 'tls', index], spec.hosts ?? [], forMesh);
  for (const [index, route] of (spec.tcp ?? []).entries()) yield* checkTcpRoute(route, ['spec', 'tcp', index]);
  yield* checkExportTo(spec.exportTo, metadata.namespace, ['spec', 'exportTo']);
  yield* checkReachability(spec);
}

/** Without hosts it is there to be delegated to, and the delegating object decides where it applies. */
function* checkDelegate(spec: VirtualServiceSpec): Drafts {
  for (const field of ['gateways', 'tls', 'tcp'] as const) {
    if ((spec[field] ?? []).length > 0)
      yield conflict(['spec', field], 'a VirtualService without hosts is a delegate, which has only http routes');
  }
}

function* checkHosts({ hosts = [], tls = [] }: VirtualServiceSpec, forMesh: boolean): Drafts {
  const hasSni = tls.some((route) => route.match.length > 0);
  const faults = hosts.map((host) => hostFault(host, forMesh, hasSni));
  for (const [index, fault] of faults.entries()) {
    if (fault !== undefined) yield invalid(['spec', 'hosts', index], fault);
  }
  if (faults.some((fault) => fault !== undefined)) return;
  for (const [index, host] of hosts.entries()) {
    const other = hosts.slice(0, index).find((earlier) => covers(earlier, host) || covers(host, earlier));
    if (other !== undefined) yield duplicate(['spec', 'hosts', index], `"${host}" overlaps with "${other}"`);
  }
}

function hostFault(host: string, forMesh: boolean, hasSni: boolean): string | undefined {
  if (isAddress(host)) return undefined;
  if (!forMesh && hasSni && isGeneratedSni(host)) return undefined;
  const fault = wildcardNameFault(host);
  if (fault !== undefined) return fault;
  return forMesh && host === '*' ? '"*" is only allowed with gateways, not in the mesh' : undefined;
}

function* checkClaims({ http = [] }: VirtualServiceSpec): Drafts {
  for (const [index, route] of http.entries()) {
    for (const [matchIndex, match] of (route.match ?? []).entries()) {
      for (const field of ['headers', 'withoutHeaders'] as const) {
        const claim = Object.keys(match[field] ?? {}).find(isClaim);
        if (claim !== undefined)
          yield unsupported(
            ['spec', 'http', index, 'match', matchIndex, field, claim],
            'routing by JWT claims works at gateways only: name the gateways',
          );
      }
    }
  }
}
