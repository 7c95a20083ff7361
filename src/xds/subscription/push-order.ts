// In which order types go to a proxy, so that nothing is sent that refers to what is not there.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
import type { TypeUrl } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';

const { cluster, endpoint, listener, route, virtualHost, extension, secret } = resourceTypes;

export const pushOrder: readonly TypeUrl[] = [cluster, endpoint, listener, route, virtualHost, extension, secret];
/** What breaks others when it goes before them. */
export const referredTo: readonly TypeUrl[] = [endpoint, cluster, extension];
/** What refers to those. */
export const referring: readonly TypeUrl[] = [listener, route, virtualHost];
/** How long listeners and routes wait at most for clusters and their endpoints, in milliseconds. */
export const patience = 3000;
