import { describe, expect, test } from 'vitest';

import { sharedList } from '../../../src/model/memo.ts';
import { routeProblems } from '../../../src/translate/envoy/virtual-host/route-configuration.ts';
import { routedVirtualService } from '../../../src/translate/envoy/route/route-target.ts';
import { selectVirtualServices } from '../../../src/translate/envoy/virtual-host/virtual-service-index.ts';
import {
  makeEgressListener,
  makeExternalService,
  makePort,
  makeService,
  makeServiceView,
  makeSource,
  makeVirtualService,
  makeVirtualServiceView,
} from '../../support/objects/make.ts';
import {
  domains,
  host,
  mill,
  names,
  oven,
  routeNames,
  shop,
  to,
  view,
} from '../../support/objects/make-virtual-hosts.ts';

describe('domains', () => {
  test('short forms depend on the namespace of the caller', () => {
    const listener = makeEgressListener([oven, mill]);
    expect(domains('oven.bakery.svc.cluster.local:80', view(listener))).toEqual([
      'oven.bakery.svc.cluster.local', 'oven.bakery.svc.cluster.local.', 'oven', 'oven.bakery.svc', 'oven.bakery', '10.1.0.1',
    ]); // prettier-ignore
    expect(domains('mill.farm.svc.cluster.local:80', view(listener))).toEqual([
      'mill.farm.svc.cluster.local', 'mill.farm.svc.cluster.local.', 'mill.farm', 'mill.farm.svc', '10.1.0.3',
    ]); // prettier-ignore
  });

  test('a name that is not below the caller’s domain has no short form', () => {
    const other = makeExternalService('api.pay.svc.other.domain');
    const outside = makeExternalService('pay.example.com', { addresses: ['fd00::7'] });
    const blocks = makeExternalService('range.example.com', { addresses: ['172.20.0.0/16'] });
    const outbound = view(makeEgressListener([other, outside, blocks].map((service) => makeServiceView(service))));
    expect(domains('api.pay.svc.other.domain:80', outbound)).toEqual([
      'api.pay.svc.other.domain',
      'api.pay.svc.other.domain.',
    ]);
    expect(domains('pay.example.com:80', outbound)).toEqual(['pay.example.com', 'pay.example.com.', '[fd00::7]']);
    expect(domains('range.example.com:80', outbound)).toEqual(['range.example.com', 'range.example.com.']);
  });

  test('pods of a headless service are addressed below it', () => {
    const headless = makeServiceView(makeService({ headless: true, addresses: [], resolution: 'passthrough' }));
    expect(domains('oven.bakery.svc.cluster.local:80', view(makeEgressListener([headless])))?.slice(5)).toEqual([
      '*.oven.bakery.svc.cluster.local', '*.oven.bakery.svc.cluster.local.', '*.oven', '*.oven.bakery.svc', '*.oven.bakery',
    ]); // prettier-ignore
  });

  test('names of ExternalName services lead to the service, unless a VirtualService has them', () => {
    const alias = (name: string) => ({
      source: makeSource('Service', 'bakery', name),
      hostname: `${name}.bakery.svc.cluster.local`,
      name,
      namespace: 'bakery',
    });
    const aliased = makeServiceView(makeService({ aliases: [alias('stove'), alias('kiln')] }));
    const vs = makeVirtualService({ hosts: ['kiln'], http: [{ ...to('kiln'), timeout: '3s' }] });
    const outbound = view(makeEgressListener([aliased], [vs]));
    expect(names(outbound)).toEqual([
      'kiln.bakery.svc.cluster.local:80',
      'oven.bakery.svc.cluster.local:80',
      'allow_any',
    ]);
    expect(domains('kiln.bakery.svc.cluster.local:80', outbound)).toEqual([
      'kiln.bakery.svc.cluster.local', 'kiln.bakery.svc.cluster.local.', 'kiln', 'kiln.bakery.svc', 'kiln.bakery',
    ]); // prettier-ignore
    expect(host('kiln.bakery.svc.cluster.local:80', outbound)?.routes?.[0]).toMatchObject({
      decorator: { operation: 'oven.bakery.svc.cluster.local:80/*' },
      route: { cluster: 'outbound|80||oven.bakery.svc.cluster.local', timeout: '3s' },
    });
    const own = domains('oven.bakery.svc.cluster.local:80', outbound);
    expect(own).toContain('stove.bakery');
    expect(own).not.toContain('kiln.bakery');
    expect(own?.at(-1)).toBe('10.1.0.1');
  });

  test('a VirtualService has the name of an ExternalName service also after one for the service itself', () => {
    const kiln = { source: makeSource('Service', 'bakery', 'kiln'), hostname: 'kiln.bakery.svc.cluster.local', name: 'kiln', namespace: 'bakery' }; // prettier-ignore
    const aliased = makeServiceView(makeService({ aliases: [kiln] }));
    const first = makeVirtualService({ hosts: ['oven'], http: [to('oven')] }, { name: 'first' });
    const second = makeVirtualService({ hosts: ['kiln'], http: [to('kiln')] }, { name: 'second' });
    const outbound = view(makeEgressListener([aliased], [first, second]));
    expect(domains('kiln.bakery.svc.cluster.local:80', outbound)).toContain('kiln');
    expect(routeProblems(outbound, '80')).toEqual([]);
  });

  test('a short form gives way to a service that has it as its full name', () => {
    const outbound = view(makeEgressListener([oven, makeServiceView(makeExternalService('oven.bakery'))]));
    expect(domains('oven.bakery.svc.cluster.local:80', outbound)).not.toContain('oven.bakery');
    expect(domains('oven.bakery:80', outbound)).toEqual(['oven.bakery', 'oven.bakery.']);
  });

  test('an address that two services claim belongs to the first, and the other is told', () => {
    const twin = makeServiceView(makeService({ name: 'twin' }));
    const outbound = view(makeEgressListener([oven, twin]));
    expect(domains('oven.bakery.svc.cluster.local:80', outbound)).toContain('10.1.0.1');
    expect(domains('twin.bakery.svc.cluster.local:80', outbound)).not.toContain('10.1.0.1');
    expect(routeProblems(outbound, '80')).toMatchObject([
      { code: 'duplicate-domain', severity: 'warning', source: twin.service.source, message: expect.stringContaining('Service bakery/oven') },
    ]); // prettier-ignore
  });
});

describe('which VirtualService has a host', () => {
  test('the first one, whole; the others are told', () => {
    const first = makeVirtualService(
      { hosts: ['oven', 'first.example'], http: [to('oven', 'first')] },
      { name: 'first' },
    );
    const second = makeVirtualService(
      { hosts: ['oven', 'second.example'], http: [to('shop', 'second')] },
      { name: 'second' },
    );
    const outbound = view(makeEgressListener([oven, shop], [first, second]));
    expect(routeNames('oven.bakery.svc.cluster.local:80', outbound)).toEqual(['first']);
    expect(names(outbound)).toContain('second.example:80');
    expect(routeProblems(outbound, '80')).toMatchObject([
      {
        code: 'duplicate-domain',
        source: { kind: 'VirtualService', name: 'second', path: 'spec.hosts[0]' },
        message: expect.stringContaining('VirtualService bakery/first'),
      },
    ]);
  });

  test('exact goes before wildcard, a longer wildcard before a shorter one', () => {
    const any = makeVirtualService({ hosts: ['*.svc.cluster.local'], http: [to('shop', 'any')] }, { name: 'any' });
    const all = makeVirtualService(
      { hosts: ['*.bakery.svc.cluster.local'], http: [to('shop', 'all')] },
      { name: 'all' },
    );
    const one = makeVirtualService({ hosts: ['oven'], http: [to('shop', 'one')] }, { name: 'one' });
    const outbound = view(makeEgressListener([oven, shop, mill], [any, all, one]));
    expect(names(outbound)).toHaveLength(4);
    expect(routeNames('oven.bakery.svc.cluster.local:80', outbound)).toEqual(['one']);
    expect(routeNames('shop.bakery.svc.cluster.local:80', outbound)).toEqual(['all']);
    expect(routeNames('mill.farm.svc.cluster.local:80', outbound)).toEqual(['any']);
  });

  test('one without a route for this caller is as good as absent', () => {
    const gatewayOnly = { match: [{ gateways: ['edge/public'] }], ...to('shop', 'outside') };
    const wild = makeVirtualService(
      { hosts: ['*.bakery.svc.cluster.local'], http: [to('shop', 'wild')] },
      { name: 'wild' },
    );
    const absent = makeVirtualService({ hosts: ['oven', 'oven.example'], http: [gatewayOnly] }, { name: 'absent' });
    const later = makeVirtualService({ hosts: ['oven'], http: [to('shop', 'later')] }, { name: 'later' });
    expect(routeNames('oven.bakery.svc.cluster.local:80', view(makeEgressListener([oven], [wild, absent])))).toEqual([
      'default',
    ]);
    const outbound = view(makeEgressListener([oven], [absent, later]));
    expect(routeNames('oven.bakery.svc.cluster.local:80', outbound)).toEqual(['later']);
    expect(names(outbound)).not.toContain('oven.example:80');
  });

  test('hosts that no service has are served on port 80, and elsewhere where a service is named with them', () => {
    const alone = makeVirtualService({ hosts: ['alone.example'], http: [to('shop')] }, { name: 'alone' });
    const along = makeVirtualService(
      { hosts: ['shop', 'along.example', '*.along.example'], http: [to('shop')] },
      { name: 'along' },
    );
    const outbound = view(makeEgressListener([shop], [alone, along]));
    expect(names(outbound)).toEqual(['*.along.example:80', 'alone.example:80', 'along.example:80', 'shop.bakery.svc.cluster.local:80', 'allow_any']); // prettier-ignore
    expect(names(outbound, '9000')).toEqual(['*.along.example:9000', 'along.example:9000', 'shop.bakery.svc.cluster.local:9000', 'allow_any']); // prettier-ignore
    expect(domains('alone.example:80', outbound)).toEqual(['alone.example']);
  });

  test('they are served also where the VirtualService lost the service to another one', () => {
    const winner = makeVirtualService({ hosts: ['shop'], http: [to('shop', 'winner')] }, { name: 'winner' });
    const loser = makeVirtualService(
      { hosts: ['shop', 'lost.example'], http: [to('shop', 'loser')] },
      { name: 'loser' },
    );
    const outbound = view(makeEgressListener([shop], [winner, loser]));
    expect(routeNames('lost.example:9000', outbound, '9000')).toEqual(['loser']);
    expect(routeNames('shop.bakery.svc.cluster.local:9000', outbound, '9000')).toEqual(['winner']);
  });

  test('only those compete that name a host on the port, in their order', () => {
    const of = (name: string, ...hosts: string[]) =>
      routedVirtualService(makeVirtualServiceView(makeVirtualService({ hosts }, { name })));
    const all = [of('a', '*.farm.svc.cluster.local'), of('b', 'x.example'), of('c', 'oven'), of('d', '*.example')];
    const selected = selectVirtualServices(sharedList(all), ['oven.bakery.svc.cluster.local', 'y.example']);
    expect(selected.map(({ virtualService }) => virtualService.name)).toEqual(['c', 'd']);
    expect(
      selectVirtualServices(sharedList([...all, of('e', 'z.example')]), ['oven.bakery.svc.cluster.local', 'y.example']),
    ).toBe(selected);
  });

  test('a service that has no port 80 is such a host there', () => {
    const press = makeServiceView(makeService({ name: 'press', ports: [makePort(9000)] }));
    const vs = makeVirtualService({ hosts: ['press'], http: [to('press')] });
    const outbound = view(makeEgressListener([oven, press], [vs]));
    expect(domains('press.bakery.svc.cluster.local:80', outbound)).toEqual(['press.bakery.svc.cluster.local']);
  });

  test('nobody takes the place of unknown hosts', () => {
    const vs = makeVirtualService({ hosts: ['*'], http: [to('shop')] });
    const outbound = view(makeEgressListener([], [vs]));
    expect(names(outbound)).toEqual(['allow_any']);
    expect(routeProblems(outbound, '80')).toMatchObject([{ code: 'duplicate-domain' }]);
  });
});
