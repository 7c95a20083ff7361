// A Secret that replicas share, while the API server fails now and then.
import { expect, it } from 'vitest';

import { secretRecord } from '../../src/controllers/secret-record.ts';
import { ApiError, connectionFault } from '../../src/kubernetes/api-error.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';

type Asked = Pick<KubernetesClient, 'get' | 'create' | 'patch'>;

const silence = connectionFault('Unreachable', 'the connection to the API server failed: Premature close');
const secret = {
  metadata: { name: 'ca', resourceVersion: '7' },
  data: { key: Buffer.from('secret').toString('base64') },
};
const answering = (answers: readonly unknown[]) => {
  let asked = 0;
  const answer = (): Promise<unknown> => {
    const next = answers[asked++];
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  const client = { get: answer, create: answer, patch: answer } as unknown as Asked;
  return {
    record: secretRecord({ client, namespace: 'istio-system', name: 'ca', type: 'Opaque' }),
    asked: () => asked,
  };
};

it('is read again when the connection breaks, or the server is not able to answer', async () => {
  const { record, asked } = answering([silence, new ApiError(503, 'ServiceUnavailable', 'starting'), secret]);
  expect(await record.read()).toEqual({ parts: { key: 'secret' }, version: '7' });
  expect(asked()).toBe(3);
});

it("is somebody else's when the request to make it was heard, and only its answer lost", async () => {
  const { record } = answering([silence, new ApiError(409, 'AlreadyExists', 'it is there')]);
  expect(await record.create({ key: 'other' })).toBe(false);
});

it('is not asked for again when it may not be read', async () => {
  const { record, asked } = answering([new ApiError(403, 'Forbidden', 'no')]);
  await expect(record.read()).rejects.toThrow('no');
  expect(asked()).toBe(1);
});
