// `keelson manifests`: prints what is applied to a cluster to install the control plane.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { parse as parseYaml } from 'yaml';

import { customResourceDefinitions } from '../manifests/crd/definitions.ts';
import { installObjects } from '../manifests/install.ts';
import { readAssignments } from '../manifests/values/assignment.ts';
import type { Tree } from '../manifests/values/values.ts';
import { readValues } from '../manifests/values/values.ts';
import { printObjects } from '../manifests/yaml.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';

const help = `Prints the install as YAML, for 'kubectl apply -f -'.

Usage: keelson manifests [OPTIONS]

  --set NAME=VALUE        a value by the name that Istio's charts have for it; may be repeated
  --set-string NAME=TEXT  likewise, and never a number or a truth value
  --values FILE, -f FILE  a file of values; may be repeated, later ones count more
  --revision NAME, -r     install beside another control plane, under this name
  --namespace NAME, -n    where the control plane runs (istio-system)
  --crds WHICH            all: with the definitions of the kinds; none; only (all)
  --json                  a List as JSON

  keelson manifests --set meshConfig.accessLogFile=/dev/stdout | kubectl apply -f -
`;

const options = {
  set: { type: 'string', multiple: true },
  'set-string': { type: 'string', multiple: true },
  values: { type: 'string', short: 'f', multiple: true },
  revision: { type: 'string', short: 'r' },
  namespace: { type: 'string', short: 'n' },
  crds: { type: 'string', default: 'all' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function manifests(argv: readonly string[], io: Io): Promise<number> {
  const { values: flags } = parseArgs({ args: [...argv], options });
  if (flags.help === true) return (io.stdout(help), exit.fine);
  const { values, unknown } = readValues([
    ...(await Promise.all((flags.values ?? []).map(readFileOfValues))),
    ...assignments('--set', flags.set, false),
    ...assignments('--set-string', flags['set-string'], true),
    ...(flags.revision === undefined ? [] : [{ revision: flags.revision }]),
    ...(flags.namespace === undefined ? [] : [{ global: { istioNamespace: flags.namespace } }]),
  ]);
  for (const name of unknown) io.stderr(`keelson manifests: the value ${name} means nothing here\n`);
  checkName('revision', values.revision);
  checkName('namespace', values.global.istioNamespace);
  for (const tag of values.revisionTags) checkName('revisionTags', tag);
  const objects =
    crdChoice(flags.crds) === 'only'
      ? customResourceDefinitions()
      : installObjects(values, { crds: flags.crds === 'all' && values.base.enableCRDTemplates });
  io.stdout(
    flags.json === true
      ? `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, undefined, 2)}\n`
      : printObjects(objects),
  );
  return exit.fine;
}

const assignments = (option: string, texts: readonly string[] | undefined, verbatim: boolean): readonly Tree[] =>
  (texts ?? []).map((text) => {
    const read = readAssignments(text, verbatim);
    if ('fault' in read) throw new UsageError(`${option}: ${read.fault}`);
    return read.tree;
  });

async function readFileOfValues(file: string): Promise<Tree> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError(`${file} cannot be read: ${error.message}`);
  });
  const value: unknown = readYaml(text, file) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new UsageError(`${file} is no map of values`);
  return value as Tree;
}

function readYaml(text: string, file: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new UsageError(`${file} is no YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** They become parts of names in the API. */
function checkName(what: string, name: unknown): void {
  if (typeof name !== 'string' || (name !== '' && !/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/.test(name)))
    throw new UsageError(`${what}: '${String(name)}' is no name: lower-case letters, digits and inner dashes`);
}

function crdChoice(choice: string): string {
  if (!['all', 'none', 'only'].includes(choice)) throw new UsageError(`--crds: '${choice}' is none of all, none, only`);
  return choice;
}
