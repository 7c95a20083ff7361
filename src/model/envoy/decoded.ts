// A resource as a proxy reads it: decoded from its bytes, with the causes of its fields. What traces, explanations and
// comparisons work on, in this process or in another that was sent it as JSON.
import type { ResourceKind, TypeUrl } from './resource.ts';
import type { SourceRef } from '../source.ts';

export interface DecodedResource {
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
  /** Proto JSON with snake_case fields and without what is zero; secrets redacted. */
  readonly message: Readonly<Record<string, unknown>>;
  /** Causes by field path: `virtual_hosts[2].routes[0].route.timeout`. */
  readonly origins: Readonly<Record<string, readonly SourceRef[]>>;
}

/** All that one proxy is to have, each kind by name. */
export type DecodedConfiguration = Readonly<Record<Exclude<ResourceKind, 'secret'>, readonly DecodedResource[]>>;

export const decodedKinds = ['cluster', 'endpoint', 'listener', 'route', 'virtualHost', 'extension'] as const;

/** The causes of a field: its own, else those of the nearest part above it. */
export function originsAt({ origins }: DecodedResource, path: string): readonly SourceRef[] {
  for (
    let above = path;
    above !== '';
    above = above.slice(0, Math.max(0, above.lastIndexOf('.'), above.lastIndexOf('[')))
  ) {
    const found = origins[above];
    if (found !== undefined) return found;
  }
  return [];
}
