// Patches of the bootstrap, which a proxy is started with: they are in what injection gives it, and in nothing that is sent.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { MessageTypes } from '../../model/message/descriptor.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { mergeMessages } from './merge.ts';
import type { Patch } from './patch.ts';
import { typeOf } from './route-patch.ts';
import { groupEnvoyFilters, patchesFor } from './selection.ts';

/** Of one proxy, in order. */
export const bootstrapPatches = (
  types: MessageTypes,
  filters: ReadonlyMap<string, KindMap['EnvoyFilter']>,
  proxy: Pick<Proxy, 'namespace' | 'labels' | 'metadata'>,
  rootNamespace: string,
): readonly Patch[] =>
  patchesFor(types, groupEnvoyFilters(filters), proxy, rootNamespace).filter(({ applyTo }) => applyTo === 'BOOTSTRAP');

/** `bootstrap` is an envoy.config.bootstrap.v3.Bootstrap and stays as it is. */
export const patchBootstrap = (types: MessageTypes, bootstrap: object, patches: readonly Patch[]): object =>
  patches
    .filter(({ operation }) => operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST')
    .reduce(
      (message, patch) =>
        mergeMessages(typeOf(types, patch), message, patch.value, {
          source: patch.source,
          replaceLists: patch.operation === 'MERGE_AND_REPLACE_LIST',
        }),
      bootstrap,
    );
