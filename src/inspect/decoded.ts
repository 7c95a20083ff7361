// What a proxy is to have, as it reads it: decoded from the very bytes that are sent, with the causes of every field.
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import { decodedKinds } from '../model/envoy/decoded.ts';
import type { Configuration, Resource } from '../model/envoy/resource.ts';
import { memo } from '../model/memo.ts';
import { resourceOrigins } from '../translate/origins.ts';
import { cachedResource } from '../xds/codec/cache.ts';
import { printAnyByFieldName } from '../xds/codec/print.ts';

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
        .map((resource) => decodedResource(resource)),
    ]),
  ) as unknown as DecodedConfiguration;
