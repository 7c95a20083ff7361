// What changes in the mesh is told to proxies, and what does not costs nothing.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { installation } from '../../../src/daemon/mesh/installation.ts';
import { LiveMesh } from '../../../src/daemon/mesh/live-mesh.ts';
import type { Problem } from '../../../src/model/problem.ts';
import { meshOf } from '../../../bench/mesh.ts';

const problem: Problem = { code: 'refused', severity: 'error', message: 'no' };
const told = vi.fn<(problems: readonly Problem[]) => void>();
const pushed = vi.fn<() => Promise<void>>(() => Promise.resolve());
let mesh: LiveMesh;

beforeEach(() => {
  vi.clearAllMocks();
  const log = { info: () => {}, warn: () => {}, error: (text: string) => expect.fail(text) };
  mesh = new LiveMesh(installation(), log, told, {}, undefined);
  mesh.onChange = pushed;
});
afterEach(() => mesh.stop());

test('objects that were written again and mean the same are not pushed', async () => {
  const snapshot = meshOf(1);
  await mesh.replace(snapshot, []);
  await mesh.replace(snapshot, []);
  expect(pushed).toHaveBeenCalledTimes(1);
  await mesh.replace(meshOf(2), []);
  expect(pushed).toHaveBeenCalledTimes(2);
});

test('the first objects are told even if there are none', async () => {
  await mesh.replace(mesh.snapshot, []);
  expect(told).toHaveBeenCalledWith([]);
});

test('problems of objects that changed nothing are told, each time they are others', async () => {
  const snapshot = meshOf(1);
  await mesh.replace(snapshot, []);
  told.mockClear();
  await mesh.replace(snapshot, [problem]);
  await mesh.replace(snapshot, [{ ...problem }]);
  expect(told.mock.calls).toEqual([[[problem]]]);
  expect(pushed).toHaveBeenCalledTimes(1);
});
