// Patches of the bootstrap on their way: chosen where Pods are injected, applied where the bootstrap is written.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { BootstrapPatch } from '../../model/envoy/bootstrap-patch.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { TypeUrl } from '../../model/envoy/resource.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { describeSource } from '../../model/source.ts';
import { bootstrapPatches, patchBootstrap } from '../../translate/patch/apply-to/bootstrap-patch.ts';
import { messageTypes } from '../../xds/codec/message-types.ts';

/** Of one proxy, in order. */
export const bootstrapPatchesOf = (
  filters: ReadonlyMap<string, KindMap['EnvoyFilter']>,
  proxy: Pick<Proxy, 'namespace' | 'labels' | 'metadata'>,
  rootNamespace: string,
): readonly BootstrapPatch[] => bootstrapPatches(messageTypes, filters, proxy, rootNamespace);

/** As injection wrote them; what is no such list counts as none. */
export function givenPatches(text: string | undefined): readonly BootstrapPatch[] {
  if (text === undefined || text === '') return [];
  const patches: unknown = JSON.parse(text);
  return Array.isArray(patches) ? (patches as readonly BootstrapPatch[]) : [];
}

/** One by one: a patch after which Envoy could not read the bootstrap is told and left out. */
export function patchedBootstrap(
  bootstrap: object,
  patches: readonly BootstrapPatch[],
  { stderr }: { readonly stderr: (text: string) => void },
): object {
  return patches.reduce((before, patch) => {
    const message = patchBootstrap(messageTypes, before, [patch]);
    // Merging passes over what does not fit; whoever wrote it has to know.
    const fault = faultOf(patch.value) ?? faultOf(message);
    if (fault === undefined) return message;
    stderr(`${describeSource(patch.source)}: the bootstrap cannot be patched: ${fault}\n`);
    return before;
  }, bootstrap);
}

const faultOf = (message: object): string | undefined =>
  messageTypes.fault({ type: bootstrapType, name: 'bootstrap', message });

const bootstrapType = 'type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap' as TypeUrl;
