// `keelson inject`: what the webhook does to Pods, done to the manifests of what makes them.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#manual-sidecar-injection
import type { ManifestNote } from '../webhooks/inject/manifests.ts';
import type { InjectionSettings } from '../webhooks/inject/settings.ts';
import type { Io } from './io.ts';

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

import { stringify } from 'yaml';

import { bootstrapPatchesOf } from '../daemon/mesh/bootstrap-patching.ts';
import { injectionImages } from '../config.ts';
import { emptySnapshot } from '../model/snapshot.ts';
import { defaultInstallation } from '../translate/resolve/settings/mesh-settings.ts';
import { readYaml } from '../watchers/yaml/yaml.ts';
import { injectManifest } from '../webhooks/inject/manifests.ts';
import { injectionSettings } from '../webhooks/inject/source.ts';
import { exit, UsageError } from './io.ts';
import { loadFiles } from './mesh/offline.ts';

const help = `Adds the sidecar to manifests: Pods, and what makes them.

Usage: keelson inject -f FILE... [OPTIONS] > injected.yaml

  -f, --filename FILE  a file of YAML; - for standard input; may be repeated
  --config PATH        the mesh: ConfigMaps istio and istio-sidecar-injector, ProxyConfig objects; may be repeated
  --revision R         the control plane to belong to (default)
  --namespace NS       of objects that name none (default)
  --native-sidecars    sidecars of Kubernetes' own kind; without it, those of the nodes in --config decide
  --image IMAGE        of the init container (${injectionImages().keelson})
  --json               what was done with each object, instead of the manifests

What has a sidecar already is left as it is.
`;

const options = {
  filename: { type: 'string', short: 'f', multiple: true },
  config: { type: 'string', multiple: true },
  revision: { type: 'string', default: 'default' },
  namespace: { type: 'string', default: 'default' },
  'native-sidecars': { type: 'boolean', default: false },
  image: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/** Throws UsageError for wrong use. A Pod whose wishes cannot be understood is told with exit code 1. */
export async function inject(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  const { filename = [] } = values;
  if (filename.length === 0) throw new UsageError('-f is missing: which manifests?');
  const settings = await settingsOf(values, io);
  const objects = (await Promise.all(filename.map(documents))).flat();
  const { namespace } = values;
  const results = objects.map((object) => injectManifest(object, settings, { namespace, drainToken }));
  const notes = results.flatMap((result) => result.notes);
  if (values.json) io.stdout(`${JSON.stringify(notes, null, 2)}\n`);
  else io.stdout(results.map(({ object }) => stringify(object, { aliasDuplicateObjects: false })).join('---\n'));
  for (const note of notes) tell(note, io);
  return notes.some(({ outcome }) => outcome === 'refused') ? exit.bad : exit.fine;
}

/** The same manifest has the same token, so that applying it again changes nothing; without it nobody can tell it. */
const drainToken = (object: object): string =>
  createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 32);

async function settingsOf(values: Values, io: Io): Promise<InjectionSettings> {
  const { snapshot, problems } =
    values.config === undefined ? { snapshot: emptySnapshot, problems: [] } : await loadFiles(values.config);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) io.stderr(`${errors} problems in the configuration: see 'keelson validate'\n`);
  const images = injectionImages();
  const { systemNamespace, clusterDomain, clusterId } = defaultInstallation;
  return injectionSettings(
    {
      revision: values.revision ?? 'default',
      systemNamespace,
      clusterDomain,
      clusterId,
      images: values.image === undefined ? images : { ...images, keelson: values.image },
      patchesOf: bootstrapPatchesOf,
      nativeSidecars: values['native-sidecars'] ? 'always' : 'auto',
    },
    snapshot,
  );
}

async function documents(file: string): Promise<readonly unknown[]> {
  const content = await (file === '-' ? text(process.stdin) : readFile(file, 'utf8')).catch((error: Error) => {
    throw new UsageError(`cannot read ${file}: ${error.message}`);
  });
  const yaml = readYaml(content, file);
  if ('problem' in yaml) throw new UsageError(`${file}: ${yaml.problem.message}`);
  return yaml.documents.map(({ raw }) => raw);
}

function tell({ kind, namespace, name, outcome, reason, warnings }: ManifestNote, io: Io): void {
  const what = `${kind} ${namespace}/${name}`;
  if (outcome !== 'injected') io.stderr(`${what}: ${outcome}: ${reason}\n`);
  for (const warning of warnings) io.stderr(`${what}: ${warning}\n`);
}
