// What is to be known of a cluster in which a test has failed, printed before the next one changes it.
import { kubectlResult, nodeJournal } from '../../scripts/cluster/kind.ts';
import { system } from './mesh.ts';

const mostLines = 40;
const longest = 200;
const questions: readonly (readonly string[])[] = [
  ['get', 'pods', '--all-namespaces', '--output=wide'],
  ['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp'],
  ['--namespace', system, 'logs', '--selector=app=istiod', '--prefix', `--tail=${mostLines}`],
  ['--namespace', system, 'get', 'leases'],
];

export async function diagnostics(): Promise<string> {
  const answers = [];
  for (const question of questions) {
    const { stdout, stderr } = await kubectlResult([...question, '--request-timeout=20s']);
    answers.push(section(`kubectl ${question.join(' ')}`, stdout || stderr));
  }
  answers.push(section('kubelet', await nodeJournal().catch(String)));
  return answers.join('\n');
}

const section = (title: string, text: string): string =>
  [`== ${title}`, ...text.trimEnd().split('\n').slice(-mostLines)].map((line) => line.slice(0, longest)).join('\n');
