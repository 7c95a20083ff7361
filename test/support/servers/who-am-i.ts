// Who a process is to the API server when nobody tells it where that is: as in a Pod, whose files the kubelet mounts. Prints the
// name, and again when its account's token has been replaced and time has passed.
//   who-am-i.ts NEW-TOKEN-FILE TOKEN-FILE
import { copyFile } from 'node:fs/promises';
import { mock } from 'node:test';

import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { podApiServer } from '../../../src/config.ts';
import { openKubernetesClient } from '../../../src/kubernetes/client.ts';

const reviews = { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews', namespaced: false };

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review */
export async function userOf(client: KubernetesClient): Promise<string | undefined> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} };
  const { status } = (await client.create<never>(reviews, review as never)) as {
    readonly status?: { readonly userInfo?: { readonly username?: string } };
  };
  return status?.userInfo?.username;
}

const [renewed, token] = process.argv.slice(2);
if (process.argv[1]?.endsWith('who-am-i.ts') === true && renewed !== undefined && token !== undefined) {
  const client = await openKubernetesClient({ pod: podApiServer() });
  const users = [await userOf(client)];
  await copyFile(renewed, token);
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 });
  users.push(await userOf(client));
  process.stdout.write(JSON.stringify({ users, namespace: client.namespace }));
  await client.close();
}
