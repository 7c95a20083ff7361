// Patches of the bootstrap, which a proxy is started with: they are in what injection gives it, and in nothing that is sent.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { BootstrapPatch } from '../../../model/envoy/bootstrap-patch.ts';
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import { patchedMessages } from '../../../model/envoy/patched-messages.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { mergeMessages } from '../merge.ts';
import { groupEnvoyFilters, patchesFor } from '../selection.ts';

/** Of one proxy, in order. Anything but merging means nothing for a bootstrap. */
export const bootstrapPatches = (
  types: MessageTypes,
  filters: ReadonlyMap<string, KindMap['EnvoyFilter']>,
  proxy: Pick<Proxy, 'namespace' | 'labels' | 'metadata'>,
  rootNamespace: string,
): readonly BootstrapPatch[] =>
  patchesFor(types, groupEnvoyFilters(filters), { type: 'sidecar', ...proxy }, rootNamespace).flatMap(
    ({ applyTo, operation, value, source }): BootstrapPatch[] =>
      applyTo === 'BOOTSTRAP' && (operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST')
        ? [{ operation, value, source }]
        : [],
  );

/** `bootstrap` is an envoy.config.bootstrap.v3.Bootstrap and stays as it is. */
export function patchBootstrap(types: MessageTypes, bootstrap: object, patches: readonly BootstrapPatch[]): object {
  const type = types.find(patchedMessages['BOOTSTRAP'] ?? '');
  if (type === undefined) return bootstrap;
  return patches.reduce(
    (message, { source, operation, value }) =>
      mergeMessages(type, message, value, { source, replaceLists: operation === 'MERGE_AND_REPLACE_LIST' }),
    bootstrap,
  );
}
