// A rendered template laid over the Pod. Where the Pod has a container of the same name, that one's fields go before the
// template's: so a Pod changes its own proxy. What it said is kept in an annotation, for people and tools.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#customizing-injection
import type { Container, Json, Pod } from '../pod/pod.ts';
import type { Template } from '../render/templates.ts';
import { strategicMerge } from './strategic-merge.ts';

const overridesAnnotation = 'proxy.istio.io/overrides';
const lists = ['initContainers', 'containers'] as const;

/** The image of a container that leaves it to injection. */
const anyImage = 'auto';

export function layOver(pod: Pod, template: Template): Pod {
  const spec: Json = template.spec ?? {};
  const rendered = namesOf(template);
  const own = new Map(
    lists
      .flatMap((list) => pod.spec[list] ?? [])
      .flatMap((each) => (rendered.has(each.name) ? [[each.name, wish(each)]] : [])),
  );
  const others = (list: readonly Container[]) => list.filter(({ name }) => !rendered.has(name));
  const { containers, initContainers } = pod.spec;
  const rest = {
    ...pod.spec,
    containers: others(containers),
    ...(initContainers && { initContainers: others(initContainers) }),
  };
  const wishes: Record<string, readonly Container[]> = {};
  const merged: Record<string, unknown> = { ...spec };
  for (const list of lists) {
    const containers = template.spec?.[list];
    if (containers === undefined) continue;
    merged[list] = containers.map((each) => withWish(each, own.get(each.name)));
    const said = containers.flatMap(({ name }) => own.get(name) ?? []);
    if (said.length > 0) wishes[list] = said;
  }
  const kept = Object.keys(wishes).length > 0 ? { [overridesAnnotation]: JSON.stringify(wishes) } : {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, ...template.metadata?.labels },
      annotations: { ...pod.metadata.annotations, ...template.metadata?.annotations, ...kept },
    },
    spec: strategicMerge(rest, merged, true),
  };
}

const namesOf = ({ spec }: Template): ReadonlySet<string> =>
  new Set(lists.flatMap((list) => spec?.[list] ?? []).map(({ name }) => name));

const wish = ({ image, ...rest }: Container): Container =>
  image === undefined || image === anyImage ? rest : { ...rest, image };

const withWish = (rendered: Container, own: Container | undefined): Container =>
  own === undefined ? rendered : strategicMerge(rendered, own);
