// What is read, and what was made of it at each step: resourcesz, krtz, cachez, ambientz, mcsz; and the program itself: pprof. istiod has collections behind these
// pages; here they are the steps from objects to what proxies are sent.
import type { Answer, Question } from './page.ts';
import { refused, visibleProxies } from './page.ts';

/** The kinds of objects that are read, as Kubernetes names them. */
export const readKinds = ({ plane }: Question): Answer => ({ json: plane.kinds() });

/** How many of what each step keeps: objects of each kind, and what they mean to the mesh. */
export function steps({ plane }: Question): Answer {
  const { objects, version } = plane.snapshot();
  const read = sizes(objects).map(([kind, outputs]) => ({ name: `objects/${kind}`, state: { outputs } }));
  const meant = sizes(plane.mesh()).map(([name, outputs]) => ({ name: `mesh/${name}`, state: { outputs } }));
  const { length: outputs } = plane.proxies();
  return {
    json: [{ name: 'snapshot', state: { version } }, ...read, ...meant, { name: 'proxies', state: { outputs } }],
  };
}

/** There are no node proxies: what istiod would tell them is empty. Waypoints are proxies like others. */
export function ambient(question: Question): Answer {
  const waypoints = visibleProxies(question).filter(({ node }) => node.id.startsWith('waypoint~'));
  return { json: { workloads: [], services: [], policies: [], waypoints: waypoints.map(({ proxy }) => proxy) } };
}

/** Services are not imported from other clusters. */
export const importedServices = (): Answer => ({ json: [] });

/** What the server has sent; with `sizes`, what it keeps for the proxies that are connected. */
export function cache({ plane, query }: Question): Answer {
  if (query.has('clear'))
    return refused(
      400,
      'there is nothing to clear: what is kept belongs to the objects that it was made of, and goes with them',
    );
  return { json: query.has('sizes') ? plane.cacheSizes() : plane.counters() };
}

const longestProfile = 30;

/** A .cpuprofile of `seconds`. */
export async function profile({ plane, query }: Question): Promise<Answer> {
  const seconds = Number(query.get('seconds'));
  return seconds > 0 && seconds <= longestProfile
    ? { json: await plane.cpuProfile(seconds) }
    : refused(400, `You must provide seconds in the query string, at most ${longestProfile}`);
}

export const memory = ({ plane }: Question): Answer => ({ json: plane.memory() });

/** Of the fields that are lists or Maps, how much they hold. */
const sizes = (value: object): readonly (readonly [name: string, count: number])[] =>
  Object.entries(value).flatMap(([name, each]) => {
    if (Array.isArray(each)) return [[name, each.length] as const];
    return each instanceof Map ? [[name, each.size] as const] : [];
  });
