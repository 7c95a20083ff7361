// All questions of the console by name.
import type { ReplicaQuestion } from '../../../model/proxy/replica.ts';
import { graph } from './graph.ts';
import { effect, object, objects, problems, written } from './objects.ts';
import { certificates, overview, pushes } from './overview.ts';
import { branch, proxies, proxy, resources, search } from './proxies.ts';
import type { Question } from './question.ts';
import { difference, trace } from './simulations.ts';

export interface Answer {
  /** Whether it shows nothing but proxies of the caller's own scope; others are for the system's namespaces alone. */
  readonly scoped: boolean;
  /** What other replicas are asked for, beside their proxies. */
  readonly wanted?: Pick<ReplicaQuestion, 'pushes'>;
  /** What is missing of a replica that does not answer; its proxies unless it is said. */
  readonly missing?: string;
  readonly answer: (question: Question) => unknown;
}

const own = (answer: Answer['answer']): Answer => ({ scoped: true, answer });
const whole = (answer: Answer['answer']): Answer => ({ scoped: false, answer });

export const answers: ReadonlyMap<string, Answer> = new Map(
  Object.entries({
    overview: own(overview),
    proxies: own(proxies),
    proxy: own(proxy),
    resources: own(resources),
    branch: own(branch),
    search: own(search),
    graph: whole(graph),
    objects: whole(objects),
    object: whole(object),
    effect: whole(effect),
    written: whole(written),
    problems: whole(problems),
    pushes: { ...whole(pushes), wanted: { pushes: true }, missing: 'what it sent is missing' },
    certificates: whole(certificates),
  }),
);

/** What comes with a body: JSON, or YAML. */
export const posted: ReadonlyMap<string, Answer> = new Map(
  Object.entries({ trace: whole(trace), diff: whole(difference) }),
);
