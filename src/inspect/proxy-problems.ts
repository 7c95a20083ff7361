// What is wrong as one proxy sees it: what objects do to each other, and certificates whose time is over.
import { unmatchedPatches } from '../model/envoy/patch-places.ts';
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { Problem } from '../model/problem.ts';
import { describeSource } from '../model/source.ts';
import { distinct } from '../model/problem.ts';
import type { ServedCertificate } from '../translate/gateway/servers/credential-problems.ts';
import type { Translation } from '../translate/translate.ts';

/** `now` in milliseconds since 1970. */
export const proxyProblems = (
  translation: Pick<Translation, 'conflicts' | 'servedCertificates'>,
  node: NodeInfo,
  now: number,
): readonly Problem[] => [
  ...translation.conflicts(node),
  ...translation.servedCertificates(node).flatMap((certificate) => timeProblem(certificate, now) ?? []),
];

/** Everything that is wrong with a mesh as these proxies see it, patches that match nothing included; each once. */
export const meshProblems = (
  translation: Pick<Translation, 'problems' | 'conflicts' | 'servedCertificates' | 'patchPlaces'>,
  nodes: readonly NodeInfo[],
  now: number,
): readonly Problem[] =>
  distinct([
    ...translation.problems,
    ...nodes.flatMap((node) => proxyProblems(translation, node, now)),
    ...unmatchedPatches(nodes.map((node) => translation.patchPlaces(node))),
  ]);

const week = 7 * 24 * 3600 * 1000;

/** Of a certificate that is over, is not good yet, or has less than a week and a tenth of its life. */
function timeProblem({ source, secret, validity }: ServedCertificate, now: number): Problem | undefined {
  const { from, to } = validity;
  const left = to - now;
  const object = describeSource(secret);
  const problem = (message: string): Problem => ({ code: 'expired-certificate', severity: 'warning', message, source });
  const remedy = `put a new one into tls.crt and tls.key of ${object}`;
  if (left <= 0) return problem(`The certificate of ${object} ended on ${day(to)}, so clients refuse it: ${remedy}.`);
  if (from > now) return problem(`The certificate of ${object} is not good before ${day(from)}: clients refuse it.`);
  return left < Math.min(week, (to - from) / 10)
    ? problem(`The certificate of ${object} ends on ${day(to)}: ${remedy}.`)
    : undefined;
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
