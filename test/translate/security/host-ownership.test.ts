// Hosts of one namespace that another claims: said, and where it is enforced without effect on anybody else.
import { describe, expect, it } from 'vitest';

import type { Features } from '../../../src/model/mesh/mesh.ts';
import { translated, translation } from '../../support/objects/translated.ts';

const namespace = (name: string, owned?: string): string => `---
apiVersion: v1
kind: Namespace
metadata: {name: ${name}${owned === undefined ? '' : `, annotations: {keelson.io/owned-hosts: '${owned}'}`}}
`;

const till = `---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: garden}
spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}
`;

const virtualService = (owner: string, host: string, extra = ''): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: taken, namespace: ${owner}}
spec: {hosts: ['${host}'], http: [{directResponse: {status: 418}}]${extra}}
`;

const entry = (owner: string, host: string, extra = ''): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: taken, namespace: ${owner}}
spec: {hosts: ['${host}'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.9.9.9}]${extra}}
`;

const tillHost = 'till.garden.svc.cluster.local';
const said = (yaml: string, hostOwnership: Features['hostOwnership'] = 'warn'): readonly string[] =>
  translation(yaml, { features: { hostOwnership } })
    .problems.filter(({ code }) => code === 'foreign-host')
    .map(({ message }) => message.slice(0, message.indexOf(':')));

/** What a caller in the namespace gets for till. */
function routesOf(yaml: string, hostOwnership: Features['hostOwnership'], caller: string): readonly string[] {
  const route = translated(yaml, 'route', { namespace: caller, features: { hostOwnership } }).get('80');
  const host = route.virtual_hosts.find(({ name }: { name: string }) => name === `${tillHost}:80`);
  return host.routes.map((each: object) => ('direct_response' in each ? 'taken' : 'till'));
}

describe('a host of another namespace', () => {
  const taken = till + virtualService('meadow', tillHost);

  it('is nobody’s business when ownership is off', () => {
    expect(said(taken, 'off')).toEqual([]);
    expect(routesOf(taken, 'off', 'garden')).toEqual(['taken']);
  });

  it('is claimed with a warning, and still for everybody', () => {
    expect(said(taken)).toEqual([`${tillHost} belongs to namespace garden, and meadow claims it`]);
    expect(routesOf(taken, 'warn', 'garden')).toEqual(['taken']);
  });

  it('is claimed for one’s own namespace only where that is enforced', () => {
    expect(routesOf(taken, 'enforce', 'garden')).toEqual(['till']);
    expect(routesOf(taken, 'enforce', 'meadow')).toEqual(['taken']);
  });

  it.each([
    ['its owner', virtualService('garden', tillHost)],
    ['the root namespace', virtualService('istio-system', tillHost)],
    ['an object that nobody else sees', virtualService('meadow', tillHost, ", exportTo: ['.']")],
    ['a host that nobody owns', virtualService('meadow', 'news.example.com')],
    ['a wildcard at a gateway', virtualService('meadow', '*', ', gateways: [edge]')],
  ])('may be claimed: %s', (_what, claim) => {
    expect(said(till + claim)).toEqual([]);
  });

  it('is also what a namespace lists, with everything below a wildcard', () => {
    const owned = namespace('garden', 'garden.example, *.shop.example') + namespace('meadow');
    expect(said(owned + entry('meadow', 'eu.shop.example'))).toHaveLength(1);
    expect(said(owned + entry('meadow', 'garden.example'))).toHaveLength(1);
    expect(said(owned + entry('garden', 'eu.shop.example'))).toEqual([]);
    expect(said(owned + entry('meadow', 'shop.example'))).toEqual([]);
  });

  it('is taken by a wildcard of the mesh that covers it', () => {
    expect(said(virtualService('meadow', '*.local'))).toEqual([
      '*.local belongs to the Services of all namespaces, and meadow claims it',
    ]);
    expect(said(namespace('garden', 'api.garden.example') + virtualService('meadow', '*.garden.example'))).toHaveLength(
      1,
    );
  });

  it('of a ServiceEntry leaves the others the real one', () => {
    const yaml = till + entry('meadow', tillHost);
    const endpoints = (features: Features['hostOwnership'], caller: string): string =>
      JSON.stringify([
        ...translated(yaml, 'cluster', { namespace: caller, features: { hostOwnership: features } }).values(),
      ]);
    expect(said(yaml)).toHaveLength(1);
    expect(endpoints('enforce', 'garden')).not.toContain('10.9.9.9');
  });
});
