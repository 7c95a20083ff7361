// The names under which one proxy asks for virtual hosts, and the resources that answer to them. What a name stands for
// changes with the mesh: a host that nobody knew becomes a service's.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto#service-discovery-v3-resource
import type { DeltaRequest } from './requests.ts';

const none: readonly string[] = [];

export class Aliases {
  readonly #canonical = new Map<string, string>();
  readonly #asked = new Map<string, Set<string>>();
  readonly #canonicalOf: (asked: string) => string;

  /** `canonicalOf`: the name of the resource that answers to a name now. */
  constructor(canonicalOf: (asked: string) => string) {
    this.#canonicalOf = canonicalOf;
  }

  /** How many names are asked for. */
  get size(): number {
    return this.#canonical.size;
  }

  /**
   * The request in terms of the resources that answer to its names. A proxy that comes back has resources by their own
   * names and asks for them by others: what it has it wants.
   */
  resolve(request: DeltaRequest): DeltaRequest {
    const unsubscribe = request.unsubscribe.flatMap((name) => this.#forget(name));
    const subscribe = request.subscribe.map((asked) => this.#note(asked));
    return { ...request, subscribe: [...new Set([...subscribe, ...request.versions.keys()])], unsubscribe };
  }

  /** Looks all names up again; returns the resources that answer to some of them now and did not before. */
  refresh(): readonly string[] {
    const moved = [...this.#canonical].filter(([asked, name]) => this.#canonicalOf(asked) !== name);
    return moved.map(([asked]) => {
      this.#forget(asked);
      return this.#note(asked);
    });
  }

  /** The names asked for that this resource answers to, but for its own. */
  of(name: string): readonly string[] {
    const all = this.#asked.get(name);
    return all === undefined ? none : [...all].filter((asked) => asked !== name);
  }

  #note(asked: string): string {
    const name = this.#canonicalOf(asked);
    this.#canonical.set(asked, name);
    const others = this.#asked.get(name);
    if (others === undefined) this.#asked.set(name, new Set([asked]));
    else others.add(asked);
    return name;
  }

  /** A proxy gives up a name that it asked for, or a resource with all its names; returns the resources nobody asks for. */
  #forget(name: string): readonly string[] {
    const canonical = this.#canonical.get(name);
    if (canonical === undefined) {
      for (const asked of this.#asked.get(name) ?? []) this.#canonical.delete(asked);
      this.#asked.delete(name);
      return [name];
    }
    this.#canonical.delete(name);
    const others = this.#asked.get(canonical);
    others?.delete(name);
    if (others === undefined || others.size > 0) return [];
    this.#asked.delete(canonical);
    return [canonical];
  }
}
