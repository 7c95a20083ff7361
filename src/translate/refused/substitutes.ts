// What takes the place of what proxies refuse. Of a listener: the last good version is not enough where policies have changed, as
// it lets in whom the new ones keep out. Policies come first, then what works, then nobody.
// docs/decisions/0012-refused-policies.md
import type { Resource, Substitute } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import type { Chain } from './doors.ts';
import { addsFilters, chainsOf, counterpart, isSameDoor, withDoor, withNobody } from './doors.ts';
import { extensionSubstitutes } from './extension-substitutes.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];

/**
 * What to try, best first; after that, the `good` version is left, or nothing. Empty where policies have no part in it, as
 * then the last good version is as good as any.
 */
export function substitutes(refused: Resource, good: Resource | undefined): readonly Substitute[] {
  if (refused.type === resourceTypes.extension) return extensionSubstitutes(refused, good);
  if (refused.type !== resourceTypes.listener) return [];
  const unpatched = withoutPatches(refused);
  if (good === undefined) return unpatched;
  const doors = chainsOf(refused.unpatched ?? refused);
  const before = chainsOf(good.unpatched ?? good);
  const verdicts = before.map((chain): Verdict => {
    const wanted = counterpart(chain, doors);
    if (wanted === 'elsewhere') return 'same';
    return wanted !== 'nobody' && isSameDoor(chain, wanted) ? 'same' : { before: chain, wanted };
  });
  if (verdicts.every((verdict) => verdict === 'same')) return [];
  const kept = chainsOf(good);
  // A patch that adds chains or takes them away leaves nothing to go by.
  if (kept.length !== before.length) return [...unpatched, closed(good, kept, () => true)];
  return [adapted(good, kept, verdicts), ...unpatched, closed(good, kept, (_, index) => verdicts[index] !== 'same')];
}

type Verdict = 'same' | { readonly before: Chain; readonly wanted: Chain | 'nobody' };

/** Filters that patches add may decide who comes in: then the listener is not opened without them. */
function withoutPatches({ unpatched, message }: Resource): readonly Substitute[] {
  if (unpatched === undefined || addsFilters(unpatched.message, message)) return [];
  return [{ resource: unpatched, effect: 'the new version without the patches of EnvoyFilters' }];
}

/** What is ours in the version that results is known of it again, for when that is to be adapted in its turn. */
function adapted(good: Resource, kept: readonly Chain[], verdicts: readonly Verdict[]): Substitute {
  const change = (chain: Chain, index: number): Chain => {
    const verdict = verdicts[index] ?? 'same';
    if (verdict === 'same') return chain;
    return verdict.wanted === 'nobody' ? withNobody(chain) : withDoor(chain, verdict.before, verdict.wanted);
  };
  return { resource: changed(good, kept, change), effect: 'the last good version with the new policies' };
}

function closed(
  good: Resource,
  kept: readonly Chain[],
  isClosed: (chain: Chain, index: number) => boolean,
): Substitute {
  const change = (chain: Chain, index: number): Chain => (isClosed(chain, index) ? withNobody(chain) : chain);
  const effect = 'the last good version, letting nobody in where policies have changed';
  return { resource: changed(good, kept, change), effect };
}

function changed(good: Resource, kept: readonly Chain[], change: (chain: Chain, index: number) => Chain): Resource {
  const { unpatched } = good;
  const before = unpatched && withChains(unpatched, chainsOf(unpatched).map(change));
  return { ...withChains(good, kept.map(change)), ...(before !== undefined && { unpatched: before }) };
}

function withChains({ name, type, message }: Resource, chains: readonly Chain[]): Resource {
  const { default_filter_chain: rest, ...others } = message as Listener;
  if (rest === undefined || rest === null) return { name, type, message: { ...others, filter_chains: chains } };
  const [usual, last] = [chains.slice(0, -1), chains.at(-1)];
  return { name, type, message: { ...others, filter_chains: usual, default_filter_chain: last } };
}
