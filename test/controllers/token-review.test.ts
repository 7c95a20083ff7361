// What is asked of the API server about tokens, and how often.
import { expect, test } from 'vitest';

import type { TokenReviewerOptions } from '../../src/controllers/token-review.ts';
import { tokenReviewer } from '../../src/controllers/token-review.ts';
import { connectionFault } from '../../src/kubernetes/api-error.ts';
import type { KubernetesObject } from '../../src/kubernetes/resource.ts';

type Status = Readonly<Record<string, unknown>>;

const good: Status = {
  authenticated: true,
  audiences: ['istio-ca'],
  user: {
    username: 'system:serviceaccount:shop:web',
    extra: { 'authentication.kubernetes.io/pod-name': ['web-1'], 'authentication.kubernetes.io/node-name': ['n1'] },
  },
};

function reviewer(answer: (token: string) => Status, options: Partial<TokenReviewerOptions> = {}) {
  const asked: string[] = [];
  let now = 0;
  const client = {
    create: async <T extends KubernetesObject>(_: unknown, review: T) => {
      const { token } = review['spec'] as { token: string };
      asked.push(token);
      await Promise.resolve();
      return { ...review, status: answer(token) };
    },
  } as TokenReviewerOptions['client'];
  const review = tokenReviewer({ client, audiences: ['istio-ca'], now: () => now, ...options });
  return { review, asked, pass: (ms: number) => (now += ms) };
}

test('an answer holds for a while, also for those who ask meanwhile, a refusal for less long', async () => {
  const { review, asked, pass } = reviewer((token) => (token === 'a.a.a' ? good : { authenticated: false }));
  const account = { namespace: 'shop', serviceAccount: 'web', pod: 'web-1', node: 'n1' };
  expect(await Promise.all([review('a.a.a'), review('a.a.a'), review('b.b.b')])).toEqual([account, account, undefined]);
  expect(asked).toEqual(['a.a.a', 'b.b.b']);
  pass(15_000);
  await Promise.all([review('a.a.a'), review('b.b.b')]);
  expect(asked).toEqual(['a.a.a', 'b.b.b', 'b.b.b']);
  pass(50_000);
  await review('a.a.a');
  expect(asked).toHaveLength(4);
});

test('that nobody answers says nothing of the token', async () => {
  let fails = true;
  const { review, asked } = reviewer(() => {
    if (fails) throw connectionFault('Unreachable', 'gone');
    return good;
  });
  await expect(review('a.a.a')).rejects.toThrow('gone');
  fails = false;
  expect(await review('a.a.a')).toMatchObject({ serviceAccount: 'web' });
  expect(asked).toHaveLength(2);
});

test('only accounts count, for the audience that was asked for; why others do not is told, each time', async () => {
  const answers: readonly (readonly [Status, string])[] = [
    [{ ...good, audiences: ['somebody-else'] }, 'token for another audience: system:serviceaccount:shop:web'],
    [{ ...good, audiences: undefined }, 'token for another audience: system:serviceaccount:shop:web'],
    [{ ...good, user: { username: 'admin' } }, 'token of no service account: admin'],
    [
      { ...good, user: { username: 'system:serviceaccount:shop:web:more' } },
      'token of no service account: system:serviceaccount:shop:web:more',
    ],
    [{ error: 'invalid bearer token, service account token has expired' }, 'token expired: undefined'],
    [{ error: 'invalid bearer token, token audiences ["a"] is invalid' }, 'token for another audience: undefined'],
    [{ error: 'invalid bearer token' }, 'token refused: undefined'],
  ];
  for (const [status, expected] of answers) {
    const faults: string[] = [];
    const onRejected = (fault: string, who: string | undefined): number => faults.push(`${fault}: ${who}`);
    const { review, asked } = reviewer(() => status, { onRejected });
    for (let times = 0; times < 2; times++) expect(await review('a.a.a')).toBeUndefined();
    expect([faults, asked]).toEqual([[expected, expected], ['a.a.a']]);
  }
});

test('what is no token is not asked about; what is remembered is bounded', async () => {
  const { review, asked } = reviewer(() => good, { limits: { answers: 2 } });
  for (const text of ['', 'secret', 'a.b', 'a.b.c.d', `a.b.${'c'.repeat(20_000)}`, 'a.b.c\r\nd'])
    expect(await review(text)).toBeUndefined();
  expect(asked).toEqual([]);
  for (const token of ['a.a.a', 'b.b.b', 'c.c.c', 'a.a.a']) await review(token);
  expect(asked).toEqual(['a.a.a', 'b.b.b', 'c.c.c', 'a.a.a']);
});
