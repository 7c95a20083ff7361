// ProxyConfig: which workloads it is for.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/
import type { KindMap } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import { checkTargets } from './common.ts';

export function* proxyConfig({ spec }: KindMap['ProxyConfig']): Drafts {
  if (spec.selector) yield* checkTargets({ selector: spec.selector });
}
