// What is told of a run of Gateway API's conformance suite is what its log says of each test, not more.
import { expect, it } from 'vitest';

import { resultsIn } from '../../scripts/conformance/suite.ts';

const started = (name: string) => `\x16=== RUN   TestGatewayAPI/${name}`;

it('takes the result of each test, and not those of its parts', () => {
  const log = [
    started('MeshBasic'),
    started('MeshBasic/0_request'),
    '\x16--- PASS: TestGatewayAPI/MeshBasic/0_request (0.50s)',
    '\x16--- PASS: TestGatewayAPI/MeshBasic (1.25s)',
    started('UDPRoute'),
    '\x16--- SKIP: TestGatewayAPI/UDPRoute (0.00s)',
    started('HTTPRouteWeight'),
    '    logged: --- PASS: TestGatewayAPI/HTTPRouteWeight (0.00s) is what it will say',
    '\x16--- FAIL: TestGatewayAPI/HTTPRouteWeight (30.00s)',
    '\x16--- FAIL: TestGatewayAPI (32.00s)',
  ];
  expect(resultsIn(log.join('\n'))).toEqual([
    { name: 'MeshBasic', outcome: 'PASS', seconds: 1.25 },
    { name: 'UDPRoute', outcome: 'SKIP', seconds: 0 },
    { name: 'HTTPRouteWeight', outcome: 'FAIL', seconds: 30 },
  ]);
});

it('has nothing to tell of a test that did not end', () => {
  expect(resultsIn(`${started('MeshBasic')}\n`)).toEqual([]);
});
