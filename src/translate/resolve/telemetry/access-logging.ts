// Who gets access logs of a workload's traffic in one direction.
// https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { AccessLogging, ExtensionProvider } from '../../../model/schema/index.ts';
import type { AccessLogSink, LogProvider } from '../../../model/mesh/telemetry.ts';
import { compareText } from '../order.ts';
import type { Hosts } from '../security/extension-provider.ts';
import type { Telemetry } from './applicable.ts';
import type { Mode } from './providers.ts';
import { collectorOf, matchesMode, namesOf, providerNamed } from './providers.ts';

/** 'mesh' where neither Telemetry objects nor default providers have a say, or nothing that they name can log. */
export function accessLogSinks(
  settings: MeshSettings,
  hosts: Hosts,
  telemetries: readonly Telemetry[],
  mode: Mode,
): readonly AccessLogSink[] | 'mesh' {
  const levels = telemetries.map(({ spec }) => spec.accessLogging ?? []).filter((level) => level.length > 0);
  const asked = askedProviders(levels, settings.defaultProviders?.accessLogging ?? [], mode);
  const known = [...asked]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([name, decision]) => {
      const provider = logProvider(settings, hosts, name);
      return provider === undefined ? [] : [{ provider, decision }];
    });
  if (known.length === 0) return 'mesh';
  return known.flatMap(({ provider, decision }) =>
    decision === 'disabled'
      ? []
      : [{ provider, ...(decision.filter !== undefined && { expression: decision.filter.expression ?? '' }) }],
  );
}

type Decision = 'disabled' | Pick<AccessLogging, 'filter'>;

/**
 * The nearest level that names providers decides which there are. An entry without names is about those of the entry before
 * it; it can disable them, but its filter counts for nothing: the one of the last entry that names a provider does.
 */
function askedProviders(
  levels: readonly (readonly AccessLogging[])[],
  defaults: readonly string[],
  mode: Mode,
): ReadonlyMap<string, Decision> {
  if (levels.length === 0) return new Map(defaults.map((name) => [name, {}]));
  const own = levels.map((level) => level.filter(({ match }) => matchesMode(match, mode)));
  const naming = own.map((level) => level.flatMap(({ providers }) => namesOf(providers)));
  const chosen = naming.findLast((names) => names.length > 0) ?? defaults;
  const filters = new Map(
    own.flat().flatMap(({ providers, filter }) => namesOf(providers).map((name) => [name, filter] as const)),
  );
  const decisions = new Map<string, Decision>();
  let names = defaults;
  for (const entry of levels.flat()) {
    names = (entry.providers ?? []).length > 0 ? namesOf(entry.providers) : names;
    if (!matchesMode(entry.match, mode)) continue;
    for (const name of names.filter((candidate) => chosen.includes(candidate))) {
      const filter = filters.get(name);
      decisions.set(name, entry.disabled === true ? 'disabled' : filter === undefined ? {} : { filter });
    }
  }
  return decisions;
}

function logProvider(settings: MeshSettings, hosts: Hosts, name: string): LogProvider | undefined {
  const provider = providerNamed(settings, name);
  if (provider?.envoyFileAccessLog !== undefined) return fileProvider(provider, provider.envoyFileAccessLog);
  const { envoyHttpAls: http, envoyTcpAls: tcp, envoyOtelAls: otel } = provider ?? {};
  const asked = http ?? tcp ?? otel;
  const collector = asked === undefined ? undefined : collectorOf(hosts, asked);
  if (collector === undefined) return undefined;
  if (http !== undefined) return { kind: 'http-grpc', collector, settings: http };
  if (tcp !== undefined) return { kind: 'tcp-grpc', collector, settings: tcp };
  return otel === undefined ? undefined : { kind: 'opentelemetry', collector, settings: otel };
}

/** The built-in one, unless it was given a look of its own, logs as the mesh does. */
function fileProvider(
  { name }: ExtensionProvider,
  settings: NonNullable<ExtensionProvider['envoyFileAccessLog']>,
): LogProvider {
  return name === 'envoy' && settings.logFormat === undefined && settings.omitEmptyValues !== true
    ? { kind: 'mesh-file', path: settings.path ?? '' }
    : { kind: 'file', settings };
}
