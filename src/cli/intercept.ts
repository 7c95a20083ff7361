// `keelson intercept`: what the init container of a Pod does. It writes the bootstrap of the Pod's Envoy, from what the node
// tells about the Pod, and the kernel's rules that lead the Pod's connections through that Envoy.
// https://istio.io/latest/docs/reference/commands/pilot-agent/#pilot-agent-istio-iptables
import type { InterceptionOptions } from '../interception/options.ts';
import type { Io } from './io.ts';

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { EnvironmentFault, podBootstrap } from '../bootstrap/pod-bootstrap.ts';
import { ownVariables, podFiles } from '../bootstrap/pod-environment.ts';
import { givenPatches, patchedBootstrap } from '../daemon/mesh/bootstrap-patching.ts';
import { environment } from '../config.ts';
import { InterceptionFault, interceptionFlags, interceptionOptions } from '../interception/options.ts';
import { exit, UsageError } from './io.ts';
import { applyRules } from './interception/apply-rules.ts';
import { verifyRules } from './interception/verify-rules.ts';

const help = `Prepares a Pod for its Envoy: the program of the init container that injection adds.

Usage: keelson intercept [OPTIONS]

  -p PORT  where Envoy takes outbound connections (15001)
  -z PORT  where Envoy takes inbound connections (15006)
  -u IDS   users that Envoy runs as, comma separated (1337)
  -g IDS   groups that Envoy runs as (as -u)
  -m MODE  REDIRECT, or TPROXY to keep the addresses of clients (REDIRECT)
  -b PORTS inbound ports that are captured; * for all
  -d PORTS inbound ports that are not, of all
  -i CIDRS destinations that are captured; * for all
  -x CIDRS destinations that are not
  -q PORTS outbound ports that are captured whatever the destination
  -o PORTS outbound ports that are not captured
  -k NAMES interfaces of virtual machines, whose traffic counts as outbound
  -c NAMES interfaces that are left alone
  --redirect-dns     queries to the Pod's resolvers are answered by Envoy
  --skip-rule-apply  write no rules: somebody else does, or nobody
  --run-validation   fail unless the rules are there
  --validation-seconds N  how long to wait for them (15)
  --proxy-type TYPE  sidecar or router (sidecar)
  --directory DIR    where the bootstrap goes (${podFiles.directory})
  --dry-run          print the rules and the bootstrap, and change nothing
`;

const options = {
  ...interceptionFlags,
  'skip-rule-apply': { type: 'boolean', default: false },
  'run-validation': { type: 'boolean', default: false },
  'validation-seconds': { type: 'string', default: '15' },
  'proxy-type': { type: 'string', default: 'sidecar' },
  directory: { type: 'string', default: podFiles.directory },
  'pod-info': { type: 'string', default: podFiles.podInfo },
  'dry-run': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws UsageError for wrong use. What the Pod or its node do not let happen is told with exit code 1. */
export async function intercept(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const rules = usable(() => interceptionOptions(values));
  const type = values['proxy-type'];
  if (type !== 'sidecar' && type !== 'router') throw new UsageError(`--proxy-type ${type}: write sidecar or router`);
  try {
    const files = await bootstrapFiles(type, values['pod-info'], io);
    if (values['dry-run']) io.stdout(`${JSON.stringify(files, null, 2)}\n`);
    else await write(values.directory, files);
    if (!values['skip-rule-apply']) applyRules(rules, { io, dryRun: values['dry-run'], lock: values.directory });
    if (values['run-validation'] && !values['dry-run']) await verify(rules, Number(values['validation-seconds']) || 15);
    return exit.fine;
  } catch (error) {
    io.stderr(`keelson intercept: ${(error as Error).message}\n`);
    return exit.bad;
  }
}

function usable(read: () => InterceptionOptions): InterceptionOptions {
  try {
    return read();
  } catch (error) {
    throw error instanceof InterceptionFault ? new UsageError(error.message) : error;
  }
}

const verify = (rules: InterceptionOptions, seconds: number): Promise<void> =>
  verifyRules(rules.inboundPort, environment()['INSTANCE_IP'] ?? '', seconds);

async function bootstrapFiles(
  type: 'sidecar' | 'router',
  podInfo: string,
  io: Io,
): Promise<Readonly<Record<string, object>>> {
  const variables = environment();
  const patches = givenPatches(variables[ownVariables.bootstrapPatches]);
  const overridePath = variables['ISTIO_BOOTSTRAP_OVERRIDE'];
  return podBootstrap({
    type,
    environment: variables,
    labels: await downward(podInfo, 'labels'),
    annotations: await downward(podInfo, 'annotations'),
    ...(patches.length > 0 && { patch: (message) => patchedBootstrap(message, patches, io) }),
    ...(overridePath !== undefined && { override: await override(overridePath) }),
  });
}

async function override(file: string): Promise<{ readonly [field: string]: unknown }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { readonly [field: string]: unknown };
  } catch (error) {
    throw new EnvironmentFault(`the bootstrap in ${file} cannot be read: ${(error as Error).message}`);
  }
}

const downward = async (podInfo: string, file: string): Promise<Readonly<Record<string, string>>> =>
  downwardPairs(await readFile(join(podInfo, file), 'utf8').catch(() => ''));

/** Lines of the form `key="value"`, as the kubelet writes them. */
export function downwardPairs(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const equals = line.indexOf('=');
    return equals < 1 ? [] : [[line.slice(0, equals), unquoted(line.slice(equals + 1))]];
  });
  return Object.fromEntries(pairs);
}

/** What is read of labels and annotations has nothing in it that Go would quote differently from JSON. */
function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text.replace(/^"|"$/g, '');
  }
}

/** Readable by Envoy, which is another user: there are no secrets in these. */
async function write(directory: string, files: Readonly<Record<string, object>>): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, message] of Object.entries(files))
    await writeFile(join(directory, name), `${JSON.stringify(message, null, 1)}\n`, { mode: 0o644 });
}
