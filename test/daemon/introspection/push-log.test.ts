// One change followed by its number, from the object to the last answer.
import { expect, test } from 'vitest';

import { pushWatcher } from '../../../src/daemon/introspection/push-log.ts';
import { emptySnapshot } from '../../../src/model/snapshot.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { PushHistory } from '../../../src/daemon/introspection/push-history.ts';

const withObjects = (version: number, kind: 'Service' | 'EndpointSlice', ...names: readonly string[]): Snapshot => {
  const objects = names.map((name) => [`shop/${name}`, { source: { kind, namespace: 'shop', name } }] as const);
  return { version, objects: { ...emptySnapshot.objects, [kind]: new Map(objects) } };
};

function recorded() {
  const lines: string[] = [];
  const triggers: string[] = [];
  const events: string[] = [];
  const info = (message: string, fields?: object): number => lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info, warn: info, error: info };
  let now = 1000;
  const watcher = pushWatcher(log, {
    triggered: (sorts) => triggers.push([...sorts].join()),
    objectChanged: (...change) => events.push(change.join(' ')),
  });
  const history = new PushHistory(() => now, watcher);
  return { lines, triggers, events, history, pass: (milliseconds: number) => (now += milliseconds) };
}

test('one number from the object to the last answer', async () => {
  const { lines, triggers, events, history, pass } = recorded();
  history.changed(emptySnapshot, withObjects(1, 'EndpointSlice', 'till'));
  history.sent(resourceTypes.endpoint, 1, 100);
  history.sent(resourceTypes.endpoint, 1, 100);
  expect(history.current()).toBe(1);
  pass(5);
  history.settled(resourceTypes.endpoint, true, 5);
  await Promise.resolve();
  expect(lines).toHaveLength(1);
  history.settled(resourceTypes.endpoint, false, 5);
  await Promise.resolve();
  expect(lines).toEqual([
    'objects have changed {"change":1,"objects":"EndpointSlice shop/till added"}',
    'proxies have answered {"change":1,"responses":2,"resources":2,"bytes":200,"rejected":1,"milliseconds":5}',
  ]);
  expect(triggers).toEqual(['endpoint']);
  expect(events).toEqual(['EndpointSlice add true']);
});

test('an answer that sets off the next response is not the last', async () => {
  const { lines, history, pass } = recorded();
  history.changed(emptySnapshot, withObjects(1, 'Service', 'a', 'b', 'c', 'd', 'e', 'f', 'g'));
  history.sent(resourceTypes.cluster, 1, 10);
  pass(1);
  history.settled(resourceTypes.cluster, true, 1);
  history.sent(resourceTypes.listener, 1, 10);
  await Promise.resolve();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('"more":2');
});

test('what came to nothing is not the cause of what comes later', async () => {
  const { lines, history, pass } = recorded();
  history.changed(emptySnapshot, withObjects(1, 'EndpointSlice', 'till'));
  pass(60_000);
  history.changed(withObjects(1, 'EndpointSlice', 'till'), withObjects(2, 'Service', 'shelf'));
  pass(2000);
  history.changed(withObjects(2, 'Service', 'shelf'), withObjects(3, 'Service', 'door'));
  pass(2000);
  history.sent(resourceTypes.cluster, 1, 10);
  history.settled(resourceTypes.cluster, true, 0);
  await Promise.resolve();
  expect(lines.map((line) => /"change":(\d+)/.exec(line)?.[1])).toEqual(['1', '2', '2', '2']);
  expect(lines.at(-1)).toContain('"milliseconds":4000');
});
