// Which namespaces may attach routes to a listener, or listeners to a Gateway.
// https://gateway-api.sigs.k8s.io/reference/spec/#fromnamespaces
import { matchesSelector } from '../../../../model/mesh/labels.ts';
import type { gatewayApi, KindMap } from '../../../../model/schema/index.ts';
import { objectKey } from '../../../../model/object.ts';

type Namespaces = ReadonlyMap<string, KindMap['Namespace']>;

/** Sorted; `*` for all. */
export function routeNamespaces(
  { namespaces: { from, selector } }: gatewayApi.AllowedRoutes,
  own: string,
  objects: Namespaces,
): readonly string[] {
  switch (from) {
    case 'Same':
      return [own];
    case 'None':
      return [];
    case 'Selector':
      return selector === undefined
        ? ['*']
        : [...objects.values()]
            .filter((namespace) => matchesSelector(selector, labelsOf(namespace)))
            .map(({ metadata }) => metadata.name)
            .toSorted();
    case 'All':
      return ['*'];
  }
}

/** Whether a Gateway takes ListenerSets of the namespace; without saying anything it takes none. */
export function takesListenersOf(
  { spec, metadata }: KindMap['KubernetesGateway'],
  namespace: string,
  objects: Namespaces,
): boolean {
  const { from = 'None', selector } = spec.allowedListeners?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === metadata.namespace;
  const object = objects.get(objectKey('', namespace));
  return (
    from === 'Selector' && selector !== undefined && object !== undefined && matchesSelector(selector, labelsOf(object))
  );
}

/** An API server gives every namespace its name for a label. */
const labelsOf = ({ metadata: { name, labels } }: KindMap['Namespace']): Readonly<Record<string, string>> => ({
  ...labels,
  'kubernetes.io/metadata.name': name,
});
