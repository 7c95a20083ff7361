// Istio's Gateway objects as gateways: their servers with the fields that they stand in.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';

/** One for each object, in their order. */
export const istioGateways = (objects: readonly KindMap['Gateway'][]): readonly Gateway[] =>
  sharedList(objects.map((object) => istioGateway(object)));

/** Without a selector it is for every router. */
const istioGateway = memo(({ metadata, spec, source }: KindMap['Gateway']): Gateway => ({
  source,
  name: metadata.name,
  namespace: metadata.namespace,
  created: metadata.creationTimestamp,
  workloads: { by: 'labels', labels: spec.selector ?? {} },
  servers: (spec.servers ?? []).map((server, i) => ({ source: at(source, `spec.servers[${i}]`), server })),
}));
