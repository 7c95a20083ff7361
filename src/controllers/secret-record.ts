// A Secret as a record that replicas share: made only if nobody else was first, replaced only if nobody else was faster. What
// is asked of the API server is asked again when it does not answer: whether an unanswered request was heard does not matter,
// as whoever made it then comes too late.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import { setTimeout as delay } from 'node:timers/promises';

import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { RecordParts, SharedRecord } from '../model/shared-record.ts';
import { isAlreadyExists, isConflict, isNotFound, isPassing } from '../kubernetes/api-error.ts';
import { defaultPace, retryDelay } from '../kubernetes/pace.ts';
import { fieldManager, secrets } from './resources.ts';

export interface SecretRecordOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'patch'>;
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
}

interface SecretObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>> | null;
}

/** Altogether that is a minute at most. */
const mostRepetitions = 8;

/** Throws the client's ApiError for everything but being too late, and for silence when it lasts. */
export function secretRecord({ client, namespace, name, type }: SecretRecordOptions): SharedRecord {
  const ref = { namespace, name };
  return {
    place: `the Secret ${namespace}/${name}`,
    async read() {
      const secret = await persistently(() => client.get<SecretObject>(secrets, ref)).catch(unless(isNotFound));
      if (secret === undefined) return undefined;
      const { resourceVersion = '' } = secret.metadata;
      return { parts: decoded(secret.data ?? {}), version: resourceVersion };
    },
    async create(parts) {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type, data: encoded(parts) };
      const created = await persistently(() => client.create(secrets, secret, { fieldManager })).catch(
        unless(isAlreadyExists),
      );
      return created !== undefined;
    },
    async replace(parts, version) {
      const patch = { metadata: { resourceVersion: version }, data: encoded(parts) };
      const replaced = await persistently(() =>
        client.patch(secrets, ref, patch, { type: 'merge', fieldManager }),
      ).catch(unless((error) => isConflict(error) || isNotFound(error)));
      return replaced !== undefined;
    },
  };
}

async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (failures === mostRepetitions || !isPassing(error)) throw error;
      await delay(retryDelay(failures, defaultPace));
    }
  }
}

const unless =
  (isExpected: (error: unknown) => boolean) =>
  (error: unknown): undefined => {
    if (!isExpected(error)) throw error;
  };

const encoded = (parts: RecordParts): RecordParts =>
  Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));

const decoded = (data: RecordParts): RecordParts =>
  Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
