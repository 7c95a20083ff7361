import { expect, it } from 'vitest';

import { Topic } from '../../src/model/notes.ts';

it('what is noted of an object is found with that object alone', () => {
  const color = new Topic<string>();
  const [one, other] = [{ name: 'one' }, { name: 'other' }];
  color.note(one, 'red');
  color.note(other, 'blue');
  color.note(one, 'green');
  expect([color.of(one), color.of(other), color.of({ name: 'one' })]).toEqual(['green', 'blue', undefined]);
});

it('topics do not mix, however many there are', () => {
  const topics = Array.from({ length: 40 }, () => new Topic<number>());
  const object = {};
  const values = (): readonly (number | undefined)[] => topics.map((topic) => topic.of(object));
  for (const [i, topic] of topics.entries()) topic.note(object, i);
  expect(values()).toEqual(topics.map((_topic, i) => i));
  for (const [i, topic] of topics.entries()) topic.note(object, -i);
  expect(values()).toEqual(topics.map((_topic, i) => -i));
});

it('nobody sees that something was noted, and copies do not have it', () => {
  const topic = new Topic<string>();
  const object = Object.freeze({ name: 'one' });
  topic.note(object, 'known');
  expect(JSON.stringify(object)).toBe('{"name":"one"}');
  expect(Reflect.ownKeys(object)).toEqual(['name']);
  expect([topic.of(object), topic.of({ ...object }), topic.of(structuredClone(object))]).toEqual([
    'known',
    undefined,
    undefined,
  ]);
});
