// The injector's own settings: the ConfigMap `istio-sidecar-injector`, whose key `values` holds the installation's values
// and whose key `config` the policy and templates. Those of a stock Istio chart are read as well; of its templates only
// the names count, as they are programs for another proxy.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#customizing-injection
import type { InjectionPolicy } from './decision.ts';
import type { Json, StringMap } from './pod/pod.ts';

import { readYaml } from '../../watchers/yaml/yaml.ts';
import { isObject } from './pod/pod.ts';

export interface InjectorConfig extends InjectionPolicy {
  /** Templates of Pods that name none. */
  readonly defaultTemplates: readonly string[];
  /** The user's own: parts of Pods, by name. Text where it is none. */
  readonly templates: Readonly<Record<string, Json | string>>;
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  readonly injectedAnnotations: StringMap;
  readonly values: InjectorValues;
}

/** `values` by path: `global.proxy.logLevel`; all of them by ''. */
export interface InjectorValues {
  readonly text: (path: string) => string | undefined;
  readonly number: (path: string) => number | undefined;
  readonly flag: (path: string) => boolean | undefined;
  readonly object: (path: string) => Json | undefined;
  readonly list: (path: string) => readonly unknown[];
}

/** Of Istio's templates those whose meaning is built in here, or that need what a stock Envoy has not. */
export const builtInTemplates = ['sidecar', 'gateway'] as const;
const stockTemplates = new Set([
  ...builtInTemplates,
  'grpc-simple',
  'grpc-agent',
  'waypoint',
  'kube-gateway',
  'agentgateway',
  'agentgateway-waypoint',
]);

export interface ReadInjectorConfig {
  readonly config: InjectorConfig;
  /** Sentences about what could not be read, and counts as absent. */
  readonly faults: readonly string[];
}

/** From the data of the ConfigMap; of no ConfigMap from nothing. */
export function readInjectorConfig(data: StringMap = {}): ReadInjectorConfig {
  const faults: string[] = [];
  const config = read(data, 'config', faults);
  const values = injectorValues(read(data, 'values', faults));
  const templates = Object.entries(isObject(config['templates']) ? config['templates'] : {});
  return {
    faults,
    config: {
      policy: typeof config['policy'] === 'string' ? config['policy'] : 'enabled',
      neverInjectSelector: objects(config['neverInjectSelector']),
      alwaysInjectSelector: objects(config['alwaysInjectSelector']),
      defaultTemplates: texts(config['defaultTemplates'], ['sidecar']),
      templates: Object.fromEntries(
        templates.filter(([name]) => !stockTemplates.has(name)).map(([name, template]) => [name, templateOf(template)]),
      ),
      aliases: Object.fromEntries(
        Object.entries(isObject(config['aliases']) ? config['aliases'] : {}).map(([name, list]) => [
          name,
          texts(list, []),
        ]),
      ),
      injectedAnnotations: stringMap(config['injectedAnnotations']),
      values,
    },
  };
}

function read(data: StringMap, key: string, faults: string[]): Json {
  const text = data[key];
  if (text === undefined) return {};
  const yaml = readYaml(text, '');
  if ('problem' in yaml) faults.push(`data.${key} is no YAML: ${yaml.problem.message}`);
  const raw = 'problem' in yaml ? {} : (yaml.documents[0]?.raw ?? {});
  if (!isObject(raw)) faults.push(`data.${key} is no map`);
  return isObject(raw) ? raw : {};
}

/** Text stays text when it is a program or no object: using it is refused with a sentence. */
function templateOf(template: unknown): Json | string {
  if (isObject(template)) return template;
  const text = String(template);
  if (text.includes('{{')) return text;
  const yaml = readYaml(text, '');
  const raw = 'problem' in yaml ? undefined : yaml.documents[0]?.raw;
  return isObject(raw) ? raw : text;
}

export function injectorValues(values: Json): InjectorValues {
  const at = (path: string): unknown =>
    path
      .split('.')
      .filter((key) => key !== '')
      .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), values);
  return {
    text: (path) => {
      const value = at(path);
      return (typeof value === 'string' || typeof value === 'number') && value !== '' ? String(value) : undefined;
    },
    number: (path) => {
      const value = at(path);
      return typeof value === 'number' ? value : undefined;
    },
    flag: (path) => {
      const value = at(path);
      return typeof value === 'boolean' ? value : undefined;
    },
    object: (path) => {
      const value = at(path);
      return isObject(value) ? value : undefined;
    },
    list: (path) => {
      const value = at(path);
      return Array.isArray(value) ? value : [];
    },
  };
}

const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

const texts = (value: unknown, otherwise: readonly string[]): readonly string[] =>
  Array.isArray(value) && value.length > 0 ? value.filter((item) => typeof item === 'string') : otherwise;

const stringMap = (value: unknown): StringMap =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
