// What a trace consists of: the decisions of one proxy about one request, each with what it decided, where in which
// resource that stands, and the objects behind it.
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import { originsAt } from '../model/envoy/decoded.ts';
import type { SourceRef } from '../model/source.ts';
import type { HttpRequest } from './request.ts';

export type Decision =
  | 'listener'
  | 'filter-chain'
  | 'tls'
  | 'authentication'
  | 'authorization'
  | 'external-authorization'
  | 'extension'
  | 'virtual-host'
  | 'route'
  | 'fault'
  | 'redirect'
  | 'rewrite'
  | 'retry'
  | 'mirror'
  | 'cluster'
  | 'endpoint';

export interface Step {
  readonly decision: Decision;
  /** One sentence. */
  readonly outcome: string;
  readonly where?: { readonly kind: keyof DecodedConfiguration; readonly name: string; readonly field: string };
  readonly causes: readonly SourceRef[];
}

/** How it ends at this proxy. Flags are those of Envoy's access log, '' for none. */
export type Ending =
  | { readonly kind: 'response'; readonly status: number; readonly flags: string; readonly details: string }
  | { readonly kind: 'forwarded'; readonly cluster: string; readonly endpoints: readonly Upstream[] }
  | { readonly kind: 'closed'; readonly flags: string; readonly details: string }
  | { readonly kind: 'unknown'; readonly details: string };

/** An endpoint that the request may be sent to. */
export interface Upstream {
  readonly address: string;
  readonly port: number;
  readonly tls:
    { readonly serverName: string; readonly protocols: readonly string[]; readonly mutual: boolean } | undefined;
}

/** One way that it may go: faults and weights make several. */
export interface Branch {
  /** From 0 to 1; those of all branches make 1. */
  readonly probability: number;
  readonly steps: readonly Step[];
  readonly ending: Ending;
  /** Name of the route that was chosen; '' without one. */
  readonly route: string;
  /** Name of the cluster that was chosen, whether it is there or not; '' without one. */
  readonly cluster: string;
  /** The request as it is sent on. */
  readonly sent?: HttpRequest;
}

/** A place in a resource, for the provenance of what is decided there. */
export class Place {
  readonly #kind: keyof DecodedConfiguration;
  readonly #resource: DecodedResource;
  readonly #field: string;

  constructor(kind: keyof DecodedConfiguration, resource: DecodedResource, field = '') {
    this.#kind = kind;
    this.#resource = resource;
    this.#field = field;
  }

  /** `below('filters[1]', 'typed_config')` */
  below(...fields: readonly string[]): Place {
    return new Place(this.#kind, this.#resource, [this.#field, ...fields].filter((field) => field !== '').join('.'));
  }

  step(decision: Decision, outcome: string): Step {
    const where = { kind: this.#kind, name: this.#resource.name, field: this.#field };
    return { decision, outcome, where, causes: this.causes() };
  }

  causes(): readonly SourceRef[] {
    return originsAt(this.#resource, this.#field);
  }

  /** Of the field and of all that is below it, each once. */
  causesBelow(): readonly SourceRef[] {
    const below = Object.entries(this.#resource.origins).flatMap(([path, sources]) =>
      path.startsWith(this.#field) && /^[.[]/.test(path.slice(this.#field.length)) ? sources : [],
    );
    const all = [...this.causes(), ...below].map((source) => [JSON.stringify(source), source] as const);
    return [...new Map(all).values()];
  }
}
