// KEELSON_ROUTE_BY_ADDRESS: what is sent to a Service's address is for that Service, whichever host a request names.
import { expect, it } from 'vitest';

import { listenerIn, outboundOf, summary } from '../../support/objects/make-listener.ts';
import {
  makeEgressListener,
  makeExternalService,
  makeOutboundView,
  makePort,
  makeService,
  makeServiceView,
  makeSettings,
} from '../../support/objects/make.ts';

const oven = makeServiceView(makeService({ name: 'oven', addresses: ['10.1.0.1'] }));
const bench = makeServiceView(makeService({ name: 'bench', addresses: ['10.1.0.2'] }));

function listeners(services = [oven, bench], byAddress = true) {
  const features = { ...makeSettings().features, routeByAddress: byAddress };
  return outboundOf(makeOutboundView([makeEgressListener(services)]), { settings: makeSettings({ features }) });
}

it('gives each HTTP port of a Service a listener with routes of its own, beside the shared one', () => {
  const all = listeners();
  expect([...all.keys()].toSorted()).toEqual(['0.0.0.0_80', '10.1.0.1_80', '10.1.0.2_80', 'virtualOutbound']);
  expect(summary(listenerIn(all, '10.1.0.2_80'))).toEqual([
    'raw_buffer http/1.1 h2c -> HTTP bench.bakery.svc.cluster.local:80',
    'default any -> outbound|80||bench.bakery.svc.cluster.local',
  ]);
  expect(summary(listenerIn(all, '0.0.0.0_80'))).toEqual(summary(listenerIn(listeners([oven], false), '0.0.0.0_80')));
});

it('is off by default', () => {
  expect([...listeners([oven, bench], false).keys()]).toEqual(['0.0.0.0_80', 'virtualOutbound']);
});

it('leaves alone what has no address of its own, and hosts outside the cluster, which may share theirs', () => {
  const headless = makeServiceView(makeService({ name: 'crumbs', addresses: [], headless: true }));
  const outside = makeServiceView(
    makeExternalService('api.example.com', { addresses: ['240.0.0.1'], ports: [makePort(80)] }),
  );
  expect([...listeners([headless, outside]).keys()]).toEqual(['0.0.0.0_80', 'virtualOutbound']);
});
