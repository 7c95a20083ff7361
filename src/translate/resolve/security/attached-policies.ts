// What is attached to workloads, by namespace: which of it applies is a question of each proxy's view.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import { memo } from '../../../model/memo.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import { groupExtensions } from '../extensions/extension.ts';
import { serviceLimits } from '../limits/load-limit.ts';
import type { ResolvedMesh } from '../mesh.ts';
import { groupPolicies } from './policy-attachment.ts';

type Objects<K extends keyof KindMap> = ReadonlyMap<string, KindMap[K]>;

export const attachedPolicies = (
  objects: Snapshot['objects'],
): Pick<ResolvedMesh, 'authorization' | 'authentication' | 'extensions' | 'limits' | 'serviceLimits'> => ({
  authorization: groupedAuthorization(objects.AuthorizationPolicy),
  authentication: groupedAuthentication(objects.RequestAuthentication),
  extensions: groupExtensions(objects.WasmPlugin, objects.TrafficExtension, objects.ExternalProcessor),
  limits: groupedLimits(objects.RateLimitPolicy),
  serviceLimits: serviceLimits(objects.RateLimitPolicy),
});

const groupedAuthorization = memo((objects: Objects<'AuthorizationPolicy'>) => groupPolicies(objects));
const groupedAuthentication = memo((objects: Objects<'RequestAuthentication'>) => groupPolicies(objects));
const groupedLimits = memo((objects: Objects<'RateLimitPolicy'>) => groupPolicies(objects));
