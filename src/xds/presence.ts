// Who comes and goes, and what they say of their own health: for those who keep record of machines.
// https://istio.io/latest/docs/reference/config/networking/workload-group/
import type { TypeUrl } from '../model/envoy/resource.ts';
import type { StreamClient } from './status.ts';

export interface Presence {
  connected(client: StreamClient): void;
  left(client: StreamClient): void;
  /** `fault`: why its workload is not healthy; undefined if it is. */
  health(client: StreamClient, fault: string | undefined): void;
}

/** What agents of Istio ask for in order to tell of the health of their workload: an error is what is wrong with it. */
export const healthInformation: TypeUrl = 'type.googleapis.com/istio.v1.HealthInformation';
