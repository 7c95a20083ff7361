// What is read, and what was made of it at each step: resourcesz, krtz, ambientz, mcsz. istiod has collections behind these
// pages; here they are the steps from objects to what proxies are sent.
import type { Answer, Question } from './page.ts';
import { visibleProxies } from './page.ts';

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

/** Of the fields that are lists or Maps, how much they hold. */
const sizes = (value: object): readonly (readonly [name: string, count: number])[] =>
  Object.entries(value).flatMap(([name, each]) => {
    if (Array.isArray(each)) return [[name, each.length] as const];
    return each instanceof Map ? [[name, each.size] as const] : [];
  });
