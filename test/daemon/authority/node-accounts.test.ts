// Agents of nodes get certificates for workloads of their own node, and of no other.
import { expect, test } from 'vitest';

import type { ReviewedToken } from '../../../src/controllers/token-review.ts';
import { mayImpersonate } from '../../../src/daemon/authority/node-accounts.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

const pod = (name: string, namespace: string, node: string, account: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, uid: uid-of-${name}}
spec: {${node === '' ? '' : `nodeName: ${node}, `}${account === '' ? '' : `serviceAccountName: ${account}, `}containers: [{name: app, image: x}]}
`;
const pods = snapshotOf(
  pod('agent-1', 'istio-system', 'n1', 'ztunnel') +
    pod('agent-2', 'istio-system', 'n2', 'ztunnel') +
    pod('agent-3', 'istio-system', '', 'ztunnel') +
    pod('web-1', 'shop', 'n1', 'web') +
    pod('till-1', 'shop', 'n2', 'till') +
    pod('plain', 'shop', 'n1', '') +
    pod('waiting', 'shop', '', 'late'),
).objects.Pod;

const agent: ReviewedToken = {
  namespace: 'istio-system',
  serviceAccount: 'ztunnel',
  pod: 'agent-1',
  podUid: 'uid-of-agent-1',
  node: 'n1',
};
const ask = (caller: Partial<ReviewedToken> | undefined, account: string, namespace = 'shop', trustDomain = 'td') =>
  mayImpersonate({
    accounts: ['istio-system/ztunnel', 'shop/web'],
    review: () => Promise.resolve(caller && { ...agent, ...caller }),
    pods: () => pods,
    trustDomain: 'td',
  })('a.b.c', { trustDomain, namespace, serviceAccount: account });

test('for workloads of its node', async () => {
  expect(await ask({}, 'web')).toBeUndefined();
  // The account of Pods that name none.
  expect(await ask({}, 'default')).toBeUndefined();
  // A server that says nothing of nodes leaves that to the Pod.
  expect(await ask({ node: undefined }, 'web')).toBeUndefined();
});

test('for nobody who is elsewhere, or nowhere', async () => {
  const nobody = 'impersonation of nobody on the node';
  expect(await ask({}, 'till')).toBe(nobody);
  expect(await ask({}, 'web', 'bank')).toBe(nobody);
  expect(await ask({}, 'late')).toBe(nobody);
  expect(await ask({}, 'web', 'shop', 'other')).toBe(nobody);
  expect(await ask({ pod: 'agent-2', podUid: 'uid-of-agent-2', node: 'n2' }, 'web')).toBe(nobody);
});

test('only with a token of a Pod that is there, on the node it says', async () => {
  const without = 'impersonation without a Pod';
  const others: readonly Partial<ReviewedToken>[] = [
    { pod: undefined, podUid: undefined },
    { podUid: undefined },
    { podUid: 'uid-of-an-earlier-one' },
    { pod: 'gone', podUid: 'uid-of-gone' },
    { node: 'n2' },
    { pod: 'agent-3', podUid: 'uid-of-agent-3', node: undefined },
    // A Pod of its account, but under another one's name.
    { pod: 'web-1', podUid: 'uid-of-web-1' },
  ];
  for (const caller of others) expect(await ask(caller, 'web')).toBe(without);
});

test('only of an account that is trusted with it', async () => {
  const untrusted = 'impersonation by an account without trust';
  expect(await ask(undefined, 'web')).toBe(untrusted);
  expect(await ask({ namespace: 'shop', serviceAccount: 'till' }, 'web')).toBe(untrusted);
  expect(await ask({ namespace: 'shop', serviceAccount: 'ztunnel' }, 'web')).toBe(untrusted);
});
