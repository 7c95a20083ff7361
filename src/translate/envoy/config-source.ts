// Where Envoy finds resources that another resource refers to: on the one ADS stream, however long that takes.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#aggregated-discovery-service
import type { MessageOf } from '../../xds/generated/messages.ts';

/** No timeout: a proxy that starts without its routes or endpoints would answer wrongly instead of late. */
export const ads: MessageOf['envoy.config.core.v3.ConfigSource'] = {
  ads: {},
  initial_fetch_timeout: '0s',
  resource_api_version: 'V3',
};
