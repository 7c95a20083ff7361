// Which of the user's objects caused what proxies have: found out once for each message, layer and list of layers. What is
// caused by the same objects has the very same list of them, which holds nothing of what it was found in.
import type { Layer, Resource } from '../model/envoy/resource.ts';
import { sharedList, sharedValue } from '../model/memo.ts';
import { Topic } from '../model/notes.ts';
import { PatchedMap } from '../model/patched-map.ts';
import type { SourceRef } from '../model/source.ts';
import { sourcesOf } from '../translate/provenance.ts';

/** Keys of objects, each once. */
export type Keys = readonly string[];

/** Names an object among all kinds that have conditions. */
export const causeKey = ({ kind, namespace, name }: Pick<SourceRef, 'kind' | 'namespace' | 'name'>): string =>
  `${kind} ${namespace}/${name}`;

type Resources = Layer['resources'];

/** What several layers come to, with the parts by which it is found again. */
interface Union {
  readonly parts: readonly Keys[];
  readonly keys: Keys;
}

export class Causes {
  readonly #isReported: (source: SourceRef) => boolean;
  readonly #ofMessages = new Topic<Keys>();
  readonly #ofResources = new Topic<Keys>();
  readonly #ofLayers = new Topic<Keys>();
  readonly #ofLists = new Topic<Union>();
  readonly #unions = new Topic<Union>();

  constructor(isReported: (source: SourceRef) => boolean) {
    this.#isReported = isReported;
  }

  /** Of a message and its parts. */
  ofResource(resource: Resource): Keys {
    return found(this.#ofResources, resource, ({ message, parts }) => {
      const own = this.#ofMessage(message);
      return parts === undefined ? own : union([own, ...parts.resources.map((part) => this.ofResource(part))]);
    });
  }

  ofLayer({ resources }: Pick<Layer, 'resources'>): Keys {
    return found(this.#ofLayers, resources, () => this.#within(resources));
  }

  /** The layers in these lists that have not been looked at. */
  unknown(lists: readonly (readonly Layer[])[]): readonly Layer[] {
    const layers = new Set(lists.filter((list) => this.#ofLists.of(list) === undefined).flat());
    return [...layers].filter(({ resources }) => this.#ofLayers.of(resources) === undefined);
  }

  /** Of all that a proxy has. */
  ofLayers(layers: readonly Layer[]): Keys {
    return found(this.#ofLists, layers, () => {
      const parts = sharedList([...new Set(layers.map((layer) => this.ofLayer(layer)))]);
      return found(this.#unions, parts, () => ({ parts, keys: union(parts) }));
    }).keys;
  }

  /** Where others take the place of some resources, most often the same objects caused them. */
  #within(resources: Resources): Keys {
    if (resources instanceof PatchedMap && resources.gone.size === 0) {
      const { base, patch } = resources as PatchedMap<string, Resource>;
      const isCausedAlike = (replaced: Resource, resource: Resource): boolean =>
        this.ofResource(replaced) === this.ofResource(resource);
      const added = [...patch].filter(([name]) => !base.has(name)).map(([, resource]) => this.ofResource(resource));
      if ([...patch].every(([name, resource]) => isCausedAlike(base.get(name) ?? resource, resource)))
        return union([this.ofLayer({ resources: base }), ...added]);
    }
    return union([...resources.values()].map((resource) => this.ofResource(resource)));
  }

  #ofMessage(message: object): Keys {
    return found(this.#ofMessages, message, () =>
      canonical([...sourcesOf(message)].filter(this.#isReported).map(causeKey)),
    );
  }
}

function union(lists: readonly Keys[]): Keys {
  const different = new Set(lists);
  const [only] = different;
  return only !== undefined && different.size === 1 ? only : canonical([...different].flat());
}

const canonical = (keys: readonly string[]): Keys => sharedValue([...new Set(keys)].sort());

/** What a key leads to; it is made once, and holds on to nothing. */
function found<K extends object, V>(known: Topic<V>, key: K, make: (key: K) => V): V {
  let value = known.of(key);
  if (value === undefined) known.note(key, (value = make(key)));
  return value;
}
