// What Istio's tools read about the cluster of a service: which one it is, and what else decides about it.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { configPath } from '../../names.ts';

type Metadata = NonNullable<MessageOf['envoy.config.cluster.v3.Cluster']['metadata']>;

/** `subset` is '' where there is none; `more` stands beside it. */
export function clusterMetadata(
  { service, policy }: ServiceView,
  subset: string,
  more: Readonly<Record<string, string | boolean>> = {},
): Metadata {
  const rule = policy?.sources[0];
  return {
    filter_metadata: {
      istio: {
        services: [{ host: service.hostname, name: service.name, namespace: service.namespace }],
        ...(rule !== undefined && {
          config: configPath('destination-rule', rule.namespace, policy?.name ?? rule.name),
        }),
        ...(subset !== '' && { subset }),
        ...more,
      },
    },
  };
}
