// `keelson validate`: what the control plane would say about files, by the same code as its admission webhook.
import { parseArgs } from 'node:util';

import { meshProblems } from '../inspect/proxy-problems.ts';
import type { Problem } from '../model/problem.ts';
import { describePosition, distinct } from '../model/problem.ts';
import { describeSource } from '../model/source.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { installation } from '../daemon/mesh/installation.ts';
import { translate } from '../translate/translate.ts';
import type { Io } from './io.ts';
import { exit, table, UsageError } from './io.ts';
import { nodeOfPod } from './mesh/node-of-pod.ts';
import { loadFiles } from './mesh/offline.ts';

const help = `Checks files and reports problems.

Usage: keelson validate [--json] FILE_OR_DIR...

  --json   print the problems as JSON

Exit code: 0 without errors (there may be warnings), 1 with errors, 2 for wrong use.
`;

export async function validate(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (positionals.length === 0) throw new UsageError('which files or directories to check is missing');
  const { snapshot, problems: ownProblems } = await loadFiles(positionals);
  const problems = distinct([...ownProblems, ...problemsOf(snapshot)]);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (values.json === true) io.stdout(`${JSON.stringify(problems.map(toJson), null, 2)}\n`);
  else {
    const objects = Object.values(snapshot.objects).reduce((sum, map) => sum + map.size, 0);
    if (problems.length > 0)
      io.stdout(table([['Where', 'Severity', 'Object', 'Field', 'Problem'], ...problems.map(toRow)]));
    io.stderr(`${objects} objects in force, ${errors} errors, ${problems.length - errors} warnings\n`);
  }
  return errors > 0 ? exit.bad : exit.fine;
}

/** What objects do to each other, as the proxies of the configuration see it. */
function problemsOf(snapshot: Snapshot): readonly Problem[] {
  const nodes = [...snapshot.objects.Pod.values()].flatMap((pod) => nodeOfPod(pod, snapshot) ?? []);
  return meshProblems(translate(snapshot, installation()), nodes, Date.now());
}

function toRow(problem: Problem): readonly string[] {
  const { path = '', ...object } = problem.source ?? { kind: '', namespace: '', name: '' };
  return [
    problem.position === undefined ? '' : describePosition(problem.position),
    problem.severity,
    object.kind && describeSource(object),
    path,
    problem.message,
  ];
}

const toJson = ({ code, severity, message, source, position }: Problem): object => ({
  code,
  severity,
  ...position,
  ...(source && {
    object: {
      ...(source.group !== undefined && { group: source.group }),
      kind: source.kind,
      namespace: source.namespace,
      name: source.name,
    },
    field: source.path ?? '',
  }),
  message,
});
