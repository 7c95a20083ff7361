// What a route's status says: one entry for each parent that is ours, whatever number of listeners it means.
// https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
import type { gatewayApi } from '../../../../model/schema/index.ts';
import type { Condition } from '../../../../model/status.ts';
import { compareText } from '../../order.ts';
import { gatewayController } from '../gateway-class.ts';
import { condition, generationOf, type Fault } from '../status/conditions.ts';
import type { Attachment } from './attachment.ts';
import type { RouteObject } from './route.ts';

export interface RouteParent {
  readonly parentRef: gatewayApi.ParentReference;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/** The reason that tells most, the most telling first; attaching to one listener is enough to be accepted. */
const reasons = ['NotAllowedByListeners', 'NoMatchingListenerHostname', 'NoMatchingParent'];

/** `faults` are those of the rules, for listeners and for services of the mesh. */
export function parentStatuses(
  { spec, metadata }: RouteObject,
  attachments: readonly Attachment[],
  faults: { readonly listener: Fault | undefined; readonly mesh: Fault | undefined },
): readonly RouteParent[] {
  const generation = generationOf(metadata);
  const named = (spec.parentRefs ?? []).flatMap((parentRef, i) => {
    const own = attachments.filter(({ ref }) => ref === i);
    const [first] = own;
    return first === undefined ? [] : [{ parentRef, own, fault: faults[first.to] }];
  });
  return named
    .toSorted((a, b) => compareText(sortKey(b.parentRef, metadata.namespace), sortKey(a.parentRef, metadata.namespace)))
    .map(({ parentRef, own, fault }) => ({
      parentRef,
      controllerName: gatewayController,
      conditions: [
        condition('Accepted', generation, { reason: 'Accepted', message: acceptance(own) }, denial(own)),
        condition(
          'ResolvedRefs',
          generation,
          { reason: 'ResolvedRefs', message: 'All references are resolved' },
          fault,
        ),
      ],
    }));
}

const acceptance = (own: readonly Attachment[]): string => {
  const places = own.filter(({ denied }) => denied === undefined).length;
  return places > 1 ? `The route is attached in ${places} places` : 'The route is attached';
};

function denial(own: readonly Attachment[]): Fault | undefined {
  const denials = own.flatMap(({ denied }) => denied ?? []);
  if (denials.length < own.length) return undefined;
  const telling = reasons.find((reason) => denials.some((one) => one.reason === reason));
  const chosen = denials.filter(({ reason }) => reason === telling);
  return { reason: telling ?? '', message: [...new Set(chosen.map(({ message }) => message))].join('; ') };
}

const sortKey = (reference: gatewayApi.ParentReference, ownNamespace: string): string => {
  const { group, kind, name, sectionName = '', port = 0, namespace = ownNamespace } = reference;
  return `${group}/${kind}/${name}/${sectionName}/${port}.${namespace}`;
};
