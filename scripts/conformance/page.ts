// docs/conformance.md: what the suite's report and its log say, in short, and the report itself beside it.
// https://gateway-api.sigs.k8s.io/geps/gep-1709/
import type { TestResult } from './suite.ts';

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parse } from 'yaml';

import { output } from '../cluster/command.ts';

interface Part {
  readonly result: string;
  readonly statistics: { readonly Passed: number; readonly Failed: number; readonly Skipped: number };
  readonly failedTests?: readonly string[];
  readonly skippedTests?: readonly string[];
  readonly supportedFeatures?: readonly string[];
  readonly unsupportedFeatures?: readonly string[];
}

interface Profile {
  readonly name: string;
  readonly core: Part;
  readonly extended?: Part;
}

interface SuiteReport {
  readonly date: string;
  readonly gatewayAPIVersion: string;
  readonly gatewayAPIChannel: string;
  readonly profiles: readonly Profile[];
}

/** Writes the page and copies the report of a run whose files are in `directory`. */
export async function writePage(repository: string, directory: string, results: readonly TestResult[]): Promise<void> {
  const written = join(directory, 'report.yaml');
  const page = join(repository, 'docs', 'conformance.md');
  const copy = join(repository, 'docs', 'conformance-report.yaml');
  await writeFile(page, pageOf(parse(await readFile(written, 'utf8')) as SuiteReport, results));
  await cp(written, copy);
  await output('prettier', ['--write', '--log-level', 'warn', page, copy]);
}

function pageOf(report: SuiteReport, results: readonly TestResult[]): string {
  const of = (outcome: TestResult['outcome']) => results.filter((result) => result.outcome === outcome);
  const minutes = Math.round(results.reduce((sum, { seconds }) => sum + seconds, 0) / 60);
  return `# Conformance with Gateway API

\`make conformance\` made this page on ${report.date.slice(0, 10)}. It makes a cluster, installs Keelson with
\`KEELSON_STRICT_GATEWAYS=true\` and \`KEELSON_ROUTE_BY_ADDRESS=true\`, and runs the project's own suite against it: version
${report.gatewayAPIVersion}, with the definitions of the ${report.gatewayAPIChannel} channel. [How](gateway-api.md#conformance).
The suite's report is [conformance-report.yaml](conformance-report.yaml).

**${of('PASS').length} tests passed, ${of('FAIL').length} failed, ${of('SKIP').length} were skipped**, in ${minutes} minutes.
${listed(
  'Failed',
  of('FAIL').map(({ name }) => name),
)}
${listed(
  'Skipped, for features that are not claimed',
  of('SKIP').map(({ name }) => name),
)}

| profile | core | extended | features claimed | not claimed |
| --- | --- | --- | --- | --- |
${report.profiles
  .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  .map(row)
  .join('\n')}

A test belongs to every profile that has all the features that it needs; some need features of two and count in none.
${claims(report.profiles)}`;
}

const listed = (title: string, names: readonly string[]): string =>
  names.length === 0 ? '' : `\n${title}: ${names.map((name) => `\`${name}\``).join(', ')}.\n`;

const row = ({ name, core, extended }: Profile): string =>
  `| ${[name, figures(core), figures(extended), extended?.supportedFeatures?.length ?? 0, extended?.unsupportedFeatures?.length ?? 0].join(' | ')} |`;

function figures(part: Part | undefined): string {
  if (part === undefined) return 'none';
  const { Passed, Failed, Skipped } = part.statistics;
  return `${Passed} passed${Failed > 0 ? `, ${Failed} failed` : ''}${Skipped > 0 ? `, ${Skipped} skipped` : ''}`;
}

/** What the suite has and the run did not ask for. */
function notClaimed(profiles: readonly Profile[]): string {
  const names = new Set(profiles.flatMap(({ extended }) => extended?.unsupportedFeatures ?? []));
  return names.size === 0
    ? 'These are all that the suite has for these profiles.'
    : `Not claimed:\n\n${[...names]
        .toSorted()
        .map((name) => `- ${name}`)
        .join('\n')}`;
}

function claims(profiles: readonly Profile[]): string {
  const supported = new Set(profiles.flatMap(({ extended }) => extended?.supportedFeatures ?? []));
  return `
## Extended features

${supported.size} are claimed:

${[...supported]
  .toSorted()
  .map((name) => `- ${name}`)
  .join('\n')}

${notClaimed(profiles)}
`;
}
