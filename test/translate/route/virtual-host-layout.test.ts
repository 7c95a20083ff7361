import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Service } from '../../../src/model/mesh/mesh.ts';
import { sharedValue } from '../../../src/model/memo.ts';
import type { Claimant, Port } from '../../../src/translate/envoy/virtual-host/virtual-host-claims.ts';
import type { Layout } from '../../../src/translate/envoy/virtual-host/virtual-host-layout.ts';
import { layoutOf, ownPlaces } from '../../../src/translate/envoy/virtual-host/virtual-host-layout.ts';
import { makeExternalService, makePort, makeService, makeSource } from '../../support/objects/make.ts';

const kubernetes = (name: string, namespace: string, address: string, port = 80): Service =>
  makeService({
    name,
    namespace,
    hostname: `${name}.${namespace}.svc.cluster.local`,
    addresses: [address],
    ports: [makePort(port)],
    source: makeSource('Service', namespace, name),
  });

/** Names and addresses that several of them want. */
const services: readonly Service[] = [
  kubernetes('oven', 'bakery', '10.1.0.1'),
  kubernetes('oven', 'farm', '10.1.0.2'),
  kubernetes('mill', 'farm', '10.1.0.1'),
  kubernetes('mill', 'bakery', '10.1.0.4', 81),
  kubernetes('shop', 'bakery', '10.1.0.5'),
  makeExternalService('oven.farm', { addresses: [] }),
  makeExternalService('shop', { addresses: ['10.1.0.5'] }),
  makeExternalService('OVEN.farm', { addresses: [] }),
  makeExternalService('*.example.com', { addresses: [] }),
  makeExternalService('pay.example.com', { addresses: [] }),
  makeExternalService('pay.example.com', { addresses: [], namespace: 'farm' }),
];

const claimant = (name: string, ...hosts: readonly string[]): Claimant => ({
  source: makeSource('VirtualService', 'bakery', name),
  hosts,
  applies: true,
});
const claimants: readonly Claimant[] = [
  claimant('a', 'oven.farm.svc.cluster.local', 'other.example.com'),
  claimant('b', '*.com'),
  claimant('c', 'shop.bakery.svc.cluster.local', 'shop'),
];

const told = ({ places, problems }: Layout): unknown => ({
  places: places.map(({ name, domains, by, service }) => ({ name, domains, by, service: service?.source })),
  problems,
});

test('a layout is the same whatever there was before it', () => {
  const chosen = fc.subarray([...services]);
  fc.assert(
    fc.property(fc.subarray([...claimants]), fc.array(chosen, { minLength: 2, maxLength: 8 }), (named, states) => {
      const port: Omit<Port, 'services'> = {
        claimants: named,
        dnsDomain: 'bakery.svc.cluster.local',
        families: 'ipv4',
        number: 80,
        form: 'host',
      };
      for (const state of states) {
        const followed = layoutOf({ ...port, services: state });
        expect(told(followed)).toEqual(told(layoutOf({ ...port, claimants: [...named], services: [...state] })));
        for (const place of followed.places) expect(followed.byName.get(place.name)).toBe(place);
      }
    }),
    { numRuns: 400 },
  );
});

test('callers have the places that they would have by themselves, made of what all have in common', () => {
  const chosen = fc.subarray([...services]);
  let common = 0;
  fc.assert(
    fc.property(fc.subarray([...claimants]), fc.array(chosen, { minLength: 2, maxLength: 8 }), (named, states) => {
      const port = {
        claimants: named,
        dnsDomain: '*.svc.cluster.local',
        families: 'ipv4',
        number: 80,
        form: 'host',
      } as const;
      for (const [time, state] of states.entries())
        for (const namespace of ['bakery', 'farm', 'mint'].slice(0, 1 + (time % 3))) {
          const dnsDomain = `${namespace}.svc.cluster.local`;
          const own = ownPlaces({ ...port, services: state }, dnsDomain);
          if (own === undefined) continue;
          if (own.places.length > 0) common++;
          const { places, problems } = layoutOf({ ...port, services: state });
          const together = places.map((place, i) => own.places[own.positions.indexOf(i)] ?? place);
          const direct = layoutOf({ ...port, dnsDomain, claimants: [...named], services: [...state] });
          expect(told({ ...direct, places: together, problems })).toEqual(told(direct));
        }
    }),
    { numRuns: 400 },
  );
  expect(common).toBeGreaterThan(400);
});

test('a service that has its names for itself leaves all other places what they are', () => {
  const port = {
    claimants: sharedValue<Claimant[]>([]),
    dnsDomain: 'bakery.svc.cluster.local',
    families: 'ipv4',
    number: 80,
    form: 'host',
  } as const;
  const [oven, cake, shop] = ['oven', 'cake', 'shop'].map((name, i) => kubernetes(name, 'bakery', `10.2.0.${i}`)) as [
    Service,
    Service,
    Service,
  ];
  const { places } = layoutOf({ ...port, services: [oven, shop] });
  const after = layoutOf({ ...port, services: [oven, cake, shop] }).places;
  expect(after.map(({ service }) => service)).toEqual([cake, oven, shop]);
  expect(after.filter((place) => places.includes(place))).toHaveLength(2);
});
