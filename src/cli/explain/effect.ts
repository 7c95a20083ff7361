// From an object to where it has effect, from a host to who decides about it, from an error of Envoy's to the objects
// behind what it names; and what lost against others, and why.
import { hostAnswers } from '../../inspect/host-answers.ts';
import type { MeshReader } from '../../inspect/mesh-reader.ts';
import type { DecodedConfiguration } from '../../model/envoy/decoded.ts';
import { decodedKinds } from '../../model/envoy/decoded.ts';
import type { PatchPlaces } from '../../model/envoy/patch-places.ts';
import { describePatchCount, patchCounts } from '../../model/envoy/patch-places.ts';
import type { Problem } from '../../model/problem.ts';
import { describeProblem } from '../../model/problem.ts';
import type { SourceRef } from '../../model/source.ts';
import { describeSource } from '../../model/source.ts';
import type { Io } from '../io.ts';
import { exit, table, UsageError } from '../io.ts';
import type { Kind } from './resource.ts';
import { objectsBehind } from './resource.ts';

interface Effect {
  readonly proxy: string;
  readonly kind: Kind;
  readonly resource: string;
  readonly fields: readonly string[];
  /** When the proxy last accepted resources of this kind: RFC 3339; only a daemon knows. */
  readonly since?: string;
}

/** Of the proxies that the object says nothing to, those that are asked why. */
const mostAsked = 20;

/** `object`: `virtualservice shop/store`, as kubectl writes it. */
export async function explainObject(
  mesh: MeshReader,
  object: readonly string[],
  proxies: readonly string[],
  json: boolean,
  io: Io,
): Promise<number> {
  const [kind = '', name = ''] = object;
  if (!name.includes('/')) throw new UsageError('write object KIND NAMESPACE/NAME');
  const isIt = (source: SourceRef | undefined): boolean =>
    source !== undefined &&
    source.kind.toLowerCase() === kind.toLowerCase() &&
    `${source.namespace}/${source.name}` === name;
  const effects: Effect[] = [];
  const problems = new Map<string, Problem>();
  const patches: (readonly PatchPlaces[])[] = [];
  const isPatched = kind.toLowerCase() === 'envoyfilter';
  let asked = 0;
  for (const proxy of proxies) {
    const [{ resources }, conflicts, since] = await Promise.all([
      mesh.read(proxy),
      mesh.conflicts(proxy),
      mesh.liveSince(proxy),
    ]);
    if (isPatched) patches.push((await mesh.patchPlaces(proxy)).filter(({ source }) => isIt(source)));
    const own = effectsOf(resources, isIt);
    effects.push(...own.map((effect) => withTime({ proxy, ...effect }, since)));
    const reasons = own.length > 0 || asked++ >= mostAsked ? [] : await mesh.objectProblems(proxy, { kind, name });
    for (const problem of reasons) problems.set(describeProblem(problem), problem);
    for (const problem of conflicts) if (isIt(problem.source)) problems.set(describeProblem(problem), problem);
  }
  for (const problem of mesh.problems) if (isIt(problem.source)) problems.set(describeProblem(problem), problem);
  const counts = patchCounts(patches);
  const told = { effects, ...(isPatched && { patches: counts }), problems: [...problems.values()] };
  if (json) io.stdout(`${JSON.stringify(told, null, 2)}\n`);
  else printEffects(effects, [...counts.map(describePatchCount), ...problems.keys()], proxies.length, io);
  return effects.length > 0 ? exit.fine : exit.bad;
}

function effectsOf(
  resources: DecodedConfiguration,
  isIt: (source: SourceRef) => boolean,
): readonly Omit<Effect, 'proxy'>[] {
  return decodedKinds.flatMap((kind) =>
    resources[kind].flatMap(({ name, origins }) => {
      const fields = Object.entries(origins).flatMap(([field, sources]) => (sources.some(isIt) ? [field] : []));
      return fields.length === 0 ? [] : [{ kind, resource: name, fields }];
    }),
  );
}

function withTime(effect: Effect, since: ReadonlyMap<Kind, string>): Effect {
  const time = since.get(effect.kind);
  return time === undefined ? effect : { ...effect, since: time };
}

function printEffects(effects: readonly Effect[], remarks: readonly string[], asked: number, io: Io): void {
  const reached = new Set(effects.map(({ proxy }) => proxy)).size;
  io.stdout(`has effect on ${reached} of ${asked} proxies\n`);
  if (effects.length > 0)
    io.stdout(
      table([
        ['PROXY', 'KIND', 'RESOURCE', 'FIELDS', 'IN FORCE SINCE'],
        ...effects.map(({ proxy, kind, resource, fields, since = '' }) => [
          proxy,
          kind,
          resource,
          shortened(fields),
          since,
        ]),
      ]),
    );
  for (const remark of remarks) io.stdout(`${remark}\n`);
}

const shortened = (fields: readonly string[]): string =>
  fields.slice(0, 3).join(', ') + (fields.length > 3 ? `, and ${fields.length - 3} more` : '');

/** Which virtual hosts answer for a host, in which route configuration, by whose word; who lost, and what keeps it away. */
export async function explainHost(
  mesh: MeshReader,
  proxy: string,
  host: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const { answers, problems } = await hostAnswers(mesh, proxy, host);
  if (json) io.stdout(`${JSON.stringify({ answers, problems }, null, 2)}\n`);
  else {
    const rows = answers.map(({ route, virtualHost, causes }) => [
      route,
      virtualHost,
      causes.map(describeSource).join(', '),
    ]);
    io.stdout(
      rows.length === 0
        ? `no virtual host of ${proxy} is named ${host}\n`
        : table([['ROUTE', 'VIRTUAL HOST', 'CAUSED BY'], ...rows]),
    );
    for (const problem of problems) io.stdout(`${describeProblem(problem)}\n`);
  }
  return answers.length > 0 ? exit.fine : exit.bad;
}

/** Resources that Envoy's words name, and the objects behind them. */
export async function explainError(
  mesh: MeshReader,
  proxy: string,
  text: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const { resources } = await mesh.read(proxy);
  const named = decodedKinds.flatMap((kind) =>
    resources[kind]
      .filter(({ name }) => text.includes(name))
      .map((resource) => ({ kind, name: resource.name, objects: objectsBehind(resource) })),
  );
  const problems = isOfCertificates(text) ? mesh.problems.filter(({ code }) => ofCertificates.has(code)) : [];
  if (json) io.stdout(`${JSON.stringify(named, null, 2)}\n`);
  else if (named.length === 0 && problems.length > 0) io.stdout(`${problems.map(describeProblem).join('\n')}\n`);
  else {
    const rows = named.map(({ kind, name, objects }) => [kind, name, objects.map(describeSource).join(', ')]);
    io.stdout(
      rows.length === 0 ? `${proxy} has no resource that this names\n` : table([['KIND', 'NAME', 'OBJECTS'], ...rows]),
    );
  }
  return named.length + problems.length > 0 ? exit.fine : exit.bad;
}

/** Handshakes name no resource: what is known of certificates has to do. */
const isOfCertificates = (text: string): boolean => /CERTIFICATE_|certificate|TLS_error/i.test(text);

const ofCertificates: ReadonlySet<string> = new Set([
  'expired-workload-certificate',
  'proxy-not-connected',
  'expired-certificate',
  'unusable-credential',
  'authority-ends',
  'unusable-authority',
]);
