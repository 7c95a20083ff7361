import { expect, test } from 'vitest';

import { rejectedCredentials } from '../../../src/daemon/authority/rejected-credentials.ts';

test('all are counted, and each reason is told of once a minute, with how many there were since', () => {
  const clock = { now: 0 };
  const counted: string[] = [];
  const told: object[] = [];
  const rejected = rejectedCredentials({
    log: { warn: (_message, fields = {}) => void told.push(fields) },
    count: (fault) => void counted.push(fault),
    now: () => clock.now,
  });
  for (let each = 0; each < 1000; each++) rejected('token expired', `web-${each}`);
  rejected('certificate revoked');
  expect(counted).toHaveLength(1001);
  expect(told).toEqual([
    { reason: 'token expired', who: 'web-0', further: undefined },
    { reason: 'certificate revoked', who: undefined, further: undefined },
  ]);
  clock.now = 60_000;
  rejected('token expired');
  expect(told.at(-1)).toEqual({ reason: 'token expired', who: undefined, further: 999 });
});
