// What the daemon tells about itself, put together from its parts: the answers behind the debug pages and istioctl.
import { release } from 'node:os';

import type { ControlPlane, VersionInfo } from './admin/control-plane.ts';
import { debugPage } from './admin/debug-page.ts';
import type { DebugSource } from './model/debug.ts';
import type { DecodedConfiguration, DecodedResource } from './model/decoded.ts';
import { decodedKinds } from './model/decoded.ts';
import { memo } from './model/memo.ts';
import type { Configuration, Resource } from './model/resource.ts';
import type { SourceRef } from './model/source.ts';
import { causingObjects, resourceOrigins } from './translate/origins.ts';
import { cachedResource } from './xds/codec/cache.ts';
import { printAnyByFieldName } from './xds/codec/print.ts';
import { configDump } from './xds/debug/config-dump.ts';
import type { Rejection } from './xds/subscription/quarantine.ts';

export interface ExplainedRejection extends Rejection {
  /** The objects that the rejected resource came from. */
  readonly causes: readonly SourceRef[];
}

export const explainRejection = (rejection: Rejection): ExplainedRejection => ({
  ...rejection,
  causes: causingObjects(resourceOrigins(rejection.resource)),
});

/** A resource as a proxy reads it; the same object for the same resource. */
export const decodedResource = memo((resource: Resource): DecodedResource => {
  const { type, name, bytes, version } = cachedResource(resource);
  const origins = Object.fromEntries(resourceOrigins(resource));
  return { type, name, version, message: printAnyByFieldName(type, bytes), origins };
});

/** What a proxy is to have, as it reads it; by name. */
export const decodedConfiguration = (configuration: Configuration): DecodedConfiguration =>
  Object.fromEntries(
    decodedKinds.map((kind) => [
      kind,
      configuration[kind]
        .flatMap((layer) => [...layer.resources.values()])
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(decodedResource),
    ]),
  ) as unknown as DecodedConfiguration;
