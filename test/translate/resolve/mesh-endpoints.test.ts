// Endpoints that follow from those before and from what has changed are those that follow from everything.
import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Raw } from '../../../bench/mesh.ts';
import { applyObjects } from '../../../bench/mesh.ts';
import { emptySnapshot } from '../../../src/model/snapshot.ts';
import { translate } from '../../../src/translate/translate.ts';

const services = 4;

const object = (kind: string, name: string, fields: object, metadata: object = {}): Raw => ({
  apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'shop', ...metadata },
  ...fields,
});

const service = (i: number): Raw =>
  object('Service', `s${i}`, { spec: { clusterIP: `10.0.0.${i + 1}`, ports: [{ name: 'http', port: 80 }] } });

interface Step {
  readonly pod: number;
  readonly account: string;
  readonly slice: number;
  readonly service: number;
  readonly pods: readonly number[];
  readonly named: boolean;
}

const objectsOf = ({ pod, account, slice, service: of, pods, named }: Step): readonly Raw[] => [
  object('Pod', `p${pod}`, {
    spec: { serviceAccountName: account, containers: [{ name: 'app' }] },
    status: { podIP: `10.1.0.${pod + 1}` },
  }),
  object(
    'EndpointSlice',
    `e${slice}`,
    {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: pods.map((each) => ({
        addresses: [`10.1.0.${each + 1}`],
        conditions: { ready: true },
        ...(named && { targetRef: { kind: 'Pod', name: `p${each}`, namespace: 'shop' } }),
      })),
    },
    { labels: { 'kubernetes.io/service-name': `s${of}` } },
  ),
];

const few = fc.nat({ max: 3 });
const steps = fc.array(
  fc.record<Step>({
    pod: few,
    account: fc.constantFrom('a', 'b'),
    slice: few,
    service: fc.nat({ max: services - 1 }),
    pods: fc.uniqueArray(few),
    named: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

const told = (raws: readonly Raw[], from = emptySnapshot) => {
  const snapshot = applyObjects(from, raws);
  const { mesh } = translate(snapshot);
  const endpoints = [...mesh.endpoints].map(([key, ports]) => [key, [...ports]]);
  return { snapshot, endpoints };
};

test('after any sequence of changes of Pods and slices', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const fixed = Array.from({ length: services }, (_, i) => service(i));
      let now = told(fixed);
      for (const [i, step] of all.entries()) {
        now = told(objectsOf(step), now.snapshot);
        // Written once more, all objects are others, and nothing is known of them.
        const everything = told([...fixed, ...all.slice(0, i + 1).flatMap(objectsOf)]);
        expect(now.endpoints).toEqual(everything.endpoints);
      }
    }),
    { numRuns: 60 },
  );
});
