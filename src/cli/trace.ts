// `keelson trace`: what becomes of one request, decision by decision, with the objects behind each: at the proxy of who
// sends it, and at that of who receives it.
import { parseArgs } from 'node:util';

import type { Problem } from '../model/problem.ts';
import { describeProblem } from '../model/problem.ts';
import { describeSource } from '../model/source.ts';
import { arrives, tracedRequest } from '../inspect/traced-request.ts';
import type { Hop, TracedBranch } from '../trace/journey.ts';
import type { Ending, Step } from '../trace/step.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { meshOptions, meshOptionsHelp, openMesh } from './mesh/mesh-reader.ts';

const help = `Simulates one request on the configuration that proxies have, and shows every decision with its cause.

Usage: keelson trace (--config FILE_OR_DIR... | --server URL) --from POD.NAMESPACE [METHOD] URL

  URL  http://store/path for HTTP, https://store for TLS that the client begins, tcp://db:3306 for bytes

${meshOptionsHelp}
  --from NAME        who sends: a workload's proxy, or a gateway that a client outside of the mesh calls
  --header 'K: V'    a header of the request; may be repeated
  --claim K=V        a claim of a valid token that comes with it (iss=... names the issuer); may be repeated
  --address IP       where the client connects to, if not to the address of the service
  --source IP        where the client of a gateway calls from
  --json             machine-readable output

Exit code: 0 if the request may arrive, 1 if it cannot, 2 for wrong use.

  keelson trace --config shop/ --from web-1.shop GET http://store/items --header 'x-user: ann'
`;

const options = {
  ...meshOptions,
  from: { type: 'string' },
  header: { type: 'string', multiple: true },
  claim: { type: 'string', multiple: true },
  address: { type: 'string' },
  source: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function trace(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values.from === undefined) throw new UsageError('--from is missing: who sends the request');
  const [url, method = 'GET'] = positionals.toReversed();
  if (url === undefined || positionals.length > 2) throw new UsageError('say one request: [METHOD] URL');
  const hop = await tracedRequest(await openMesh(values), {
    from: values.from,
    method,
    url,
    headers: values.header ?? [],
    claims: values.claim ?? [],
    ...(values.address !== undefined && { address: values.address }),
    ...(values.source !== undefined && { source: values.source }),
  });
  io.stdout(
    values.json === true
      ? `${JSON.stringify(hop, null, 2)}\n`
      : [...lines(hop, ''), ...problemLines(hop.problems)].join('\n') + '\n',
  );
  return arrives(hop) ? exit.fine : exit.bad;
}

function lines({ proxy, direction, branches }: Hop, indent: string): readonly string[] {
  return [`${indent}${proxy}, ${direction}`, ...branches.flatMap((branch) => branchLines(branch, `${indent}  `))];
}

function branchLines({ probability, steps, ending, next }: TracedBranch, indent: string): readonly string[] {
  const chance = probability === 1 ? [] : [`${indent}in ${Number((probability * 100).toFixed(2))} of 100 cases`];
  const rows = steps.map((step) => `${indent}${step.decision.padEnd(14)} ${step.outcome}${causes(step)}`);
  return [...chance, ...rows, `${indent}=> ${words(ending)}`, ...next.flatMap((hop) => lines(hop, `${indent}  `))];
}

/** What is wrong, and what would be right. */
export const problemLines = (problems: readonly Problem[]): readonly string[] =>
  problems.length === 0 ? [] : ['', 'What is known to be wrong:', ...problems.map((each) => `  ${advice(each)}`)];

const advice = (problem: Problem): string => `${describeProblem(problem)} (${problem.code})`;

const causes = ({ causes: all }: Step): string =>
  all.length === 0
    ? ''
    : `\n${' '.repeat(19)}because of ${[...new Set(all.map(describeSource))].slice(0, 5).join(', ')}`;

function words(ending: Ending): string {
  switch (ending.kind) {
    case 'response':
      return `answered with ${ending.status}${ending.flags === '' ? '' : ` ${ending.flags}`} (${ending.details})`;
    case 'forwarded':
      return `sent to ${ending.endpoints
        .slice(0, 5)
        .map(({ address, port }) => `${address}:${port}`)
        .join(' or ')}`;
    case 'closed':
      return `the connection is closed (${ending.details})`;
    case 'unknown':
      return `unknown: ${ending.details}`;
  }
}
