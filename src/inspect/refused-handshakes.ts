// Secrets are no part of what a trace looks at. That a gateway has no certificate to show is known as a problem of its server:
// connections that come to that server end with the handshake.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { Problem } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';
import type { Hop, TracedBranch } from '../trace/journey.ts';

/** The journey as far as it gets; `problems`: what is wrong as the proxy sees it. */
export function withRefusedHandshakes(hop: Hop, problems: readonly Problem[]): Hop {
  const unusable = problems.flatMap(({ code, source }) =>
    code === 'unusable-credential' && source !== undefined ? [source] : [],
  );
  if (unusable.length === 0) return hop;
  const branches = hop.branches.map((branch) => refused(branch, unusable) ?? branch);
  const [first] = branches;
  const allRefused = first !== undefined && branches.every((branch, i) => branch !== hop.branches[i]);
  return { ...hop, branches: allRefused ? [{ ...first, probability: 1 }] : branches };
}

/** Undefined if nothing stands in its way. */
function refused(branch: TracedBranch, unusable: readonly SourceRef[]): TracedBranch | undefined {
  const handshake = branch.steps.findIndex(({ decision }) => decision === 'tls');
  const step = branch.steps[handshake];
  const credential = unusable.find((each) => step?.causes.some((server) => isBelow(each, server)) === true);
  if (step === undefined || credential === undefined) return undefined;
  const outcome = 'there is no certificate to show: the connection is refused';
  return {
    probability: branch.probability,
    steps: [...branch.steps.slice(0, handshake), { ...step, outcome, causes: [credential] }],
    ending: { kind: 'closed', flags: '', details: 'no certificate to show' },
    route: '',
    cluster: '',
    next: [],
  };
}

const isBelow = (field: SourceRef, { kind, namespace, name, path }: SourceRef): boolean =>
  field.kind === kind &&
  field.namespace === namespace &&
  field.name === name &&
  path !== undefined &&
  field.path?.startsWith(`${path}.`) === true;
