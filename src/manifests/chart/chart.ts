// The charts `base` and `istiod`, made from the very functions that make the plain install, so that the two never differ.
// https://helm.sh/docs/topics/charts/
import { stringify } from 'yaml';
import type { Part } from '../install.ts';
import type { Settings } from '../settings.ts';
import type { Tree } from '../values/values.ts';
import { customResourceDefinitions } from '../crd/definitions.ts';
import { parts } from '../install.ts';
import { defaultValues, version } from '../values/values.ts';
import { defaultRevision } from '../settings.ts';
import { chartSettings, isDefault, preamble } from './chart-settings.ts';
import { template } from './expressions.ts';

type Chart = 'base' | 'istiod';

const descriptions: Readonly<Record<Chart, string>> = {
  base: 'What all control planes of a cluster share: the definitions of the kinds and the default validation',
  istiod: 'Keelson, a control plane for Envoy, in the place of istiod',
};

/** Values that chart `base` reads; all others are those of `istiod`. */
const valuesOfBase = new Set(['defaultRevision', 'base']);
/** Values that no chart of these two reads. */
const valuesElsewhere = new Set(['gateways']);

/** Path below `charts/` to text. */
export function chartFiles(): ReadonlyMap<string, string> {
  return new Map((['base', 'istiod'] as const).flatMap(filesOf));
}

function filesOf(chart: Chart): readonly (readonly [string, string])[] {
  const templates = parts
    .filter((part) => part.chart === chart)
    .map((part) => [`${chart}/templates/${part.name}.yaml`, templateOf(part, chart)] as const);
  return [
    [`${chart}/Chart.yaml`, stringify(metadata(chart))],
    [`${chart}/values.yaml`, stringify(valuesOf(chart))],
    ...(chart === 'base' ? definitions() : []),
    ...templates,
  ];
}

const metadata = (name: Chart): object => ({
  apiVersion: 'v2',
  name,
  description: descriptions[name],
  type: 'application',
  version,
  appVersion: version,
});

function valuesOf(chart: Chart): Tree {
  const entries = Object.entries(defaultValues).filter(([name]) => !valuesElsewhere.has(name));
  if (chart === 'istiod') return Object.fromEntries(entries.filter(([name]) => !valuesOfBase.has(name)));
  const { global, ...rest } = Object.fromEntries(entries.filter(([name]) => name === 'global' || valuesOfBase.has(name)));
  return { ...rest, global: { tag: (global as Tree)['tag'] } };
}

/** In a file of their own, because a template's braces mean something; short, because a release is kept in a Secret. */
const definitions = (): readonly (readonly [string, string])[] => [
  [
    'base/templates/crds.yaml',
    '{{- if $.Values.base.enableCRDTemplates }}\n{{ $.Files.Get `files/crds.yaml` }}\n{{- end }}\n',
  ],
  [
    'base/files/crds.yaml',
    customResourceDefinitions()
      .map((definition) => `${JSON.stringify(definition)}\n`)
      .join('---\n'),
  ],
];

function templateOf(part: Part, chart: Chart): string {
  const body = part.each === undefined ? variants(part) : forEachTag(part, part.each);
  const guarded = part.condition === undefined ? body : `{{- if ${part.condition} }}\n${body}{{- end }}\n`;
  return preamble(chart) + guarded;
}

/** The first revision of a cluster has other names than the next ones, and injects where nobody named one. */
function variants({ objects }: Part): string {
  const rendered = (install: 'default' | 'revision', more?: Partial<Settings>): string =>
    template(objects(chartSettings(install, more)));
  const [first, everywhere, later] = [
    rendered('default'),
    rendered('default', { injectsByDefault: true }),
    rendered('revision'),
  ];
  const usual =
    first === everywhere
      ? first
      : choice('$v.sidecarInjectorWebhook.enableNamespacesByDefault', everywhere, first);
  return usual === later ? later : choice(isDefault, usual, later);
}

function forEachTag({ objects }: Part, list: string): string {
  const rendered = (tag: string): string =>
    choice(
      isDefault,
      template(objects(chartSettings('default', { tags: [tag] }))),
      template(objects(chartSettings('revision', { tags: [tag] }))),
    );
  const either = choice(`eq $tag \`${defaultRevision}\``, rendered(defaultRevision), rendered('{{ $tag }}'));
  return `{{- range $tag := ${list} }}\n---\n${either}{{- end }}\n`;
}

const choice = (condition: string, yes: string, no: string): string =>
  `{{- if ${condition} }}\n${yes}{{- else }}\n${no}{{- end }}\n`;
