// What one proxy wants and has of one type: the whole state of the xDS protocol, for both of its dialects, without
// any I/O or clock. Requests change it, `next` tells what is to be sent, `sent` notes that it was.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
import type { CachedResource } from '../codec/cache.ts';
import type { Held } from '../holdings/held.ts';
import type { DeltaRequest, SotwRequest } from './requests.ts';
import type { SharedMap } from '../holdings/shared-map.ts';
import type { Sent, Settled, Update } from './update.ts';
import type { Pacing, SubscriptionKind } from './subscription-kind.ts';
import { asked, heldAs, holdings } from '../holdings/held.ts';
import { changesOf, increment } from './update.ts';

/** What the proxy is to have under a name: nothing, or what it has already because the new version is rejected. */
export type Wanted = CachedResource | 'absent' | 'withheld';

export interface Catalog {
  names(): Iterable<string>;
  find(name: string): Wanted;
}

export class Subscription {
  readonly kind: SubscriptionKind;
  wildcard = false;
  /** What it asks for by name, and what it has. */
  names: SharedMap<true> = asked.empty;
  has: SharedMap<Held> = holdings.empty;
  pending: { readonly nonce: string; readonly sent: readonly Sent[] } | undefined;

  /** To be compared with what there is. */
  readonly #due = new Set<string>();
  /** Gone, but still with the proxy until removals may go. */
  readonly #leaving = new Set<string>();
  /** To be answered even if the proxy has it or it does not exist. */
  readonly #asked = new Set<string>();
  /** To be sent in a response of its own, so that a rejection tells which one is meant. */
  readonly #alone = new Set<string>();
  #answer = false;
  #requests = 0;
  #lastNonce = '';
  /** Whether an empty list still means everything, as it does until a name was given. */
  #namesGiven = false;

  constructor(kind: SubscriptionKind) {
    this.kind = kind;
  }

  /** Anything not yet sent or not yet acknowledged, but for removals that wait. */
  get busy(): boolean {
    return this.pending !== undefined || this.#due.size > 0;
  }

  /** There may be something to send at once. */
  get ready(): boolean {
    return this.pending === undefined && (this.#due.size > 0 || this.#answer);
  }

  /** Whether `next` has anything to look at. */
  get hasWork(): boolean {
    return this.pending === undefined && (this.#due.size > 0 || this.#leaving.size > 0 || this.#answer);
  }

  /** Takes an incremental request in; returns the response that it settles. */
  delta(request: DeltaRequest, catalog: Catalog): Settled | undefined {
    const first = this.#requests++ === 0;
    const settled = this.#settle(request.nonce, request.error);
    if (first) {
      this.has = this.has.with([...request.versions].map(([name, version]) => [name, { version }]));
      if (this.wildcard) this.touch(this.has.keys());
    }
    const legacy = first && this.kind.fullState && request.subscribe.length === 0;
    if (legacy || request.subscribe.includes('*')) this.#subscribeAll(catalog);
    const named = request.subscribe.filter((name) => name !== '*');
    this.#subscribe(named, first);
    this.#unsubscribe(request.unsubscribe);
    if (first) this.#drop([...this.has.keys()].filter((name) => !this.wants(name)));
    return settled;
  }

  /** Takes a state-of-the-world request in; returns the response that it settles. */
  sotw(request: SotwRequest, catalog: Catalog): Settled | undefined {
    const first = this.#requests++ === 0;
    if (!first && request.nonce !== this.#lastNonce) return undefined;
    const settled = this.#settle(request.nonce, request.error);
    this.#namesGiven ||= request.names.length > 0;
    const wildcard = request.names.includes('*') || (this.kind.fullState && !this.#namesGiven);
    if (wildcard && !this.wildcard) this.#subscribeAll(catalog);
    if (!wildcard && this.wildcard) this.#unsubscribe(['*']);
    const names = new Set(request.names);
    names.delete('*');
    this.#unsubscribe([...this.names.keys()].filter((name) => !names.has(name)));
    const further = request.names.filter((name) => names.has(name) && !this.names.has(name));
    this.#subscribe(further, false);
    return settled;
  }

  /** These names may mean something else now. */
  touch(names: Iterable<string>): void {
    for (const name of names) if (this.wants(name)) this.#due.add(name);
  }

  /** So may all names that the proxy asked for or has. */
  touchAsked(): void {
    for (const name of this.names.keys()) this.#due.add(name);
    this.touch(this.has.keys());
  }

  /** All there is for a proxy that cannot ask for it; or no more than what it asked for and has. */
  cover(all: boolean, catalog: Catalog): void {
    if (all === this.wildcard) return;
    this.wildcard = all;
    for (const name of this.has.keys()) this.#due.add(name);
    if (!all) this.names = this.names.withAll(this.has.keys(), true);
    if (all) for (const name of catalog.names()) this.#due.add(name);
  }

  /** The proxy may have forgotten these. */
  repeat(names: Iterable<string>): void {
    for (const name of names) if (this.wants(name)) this.#askedAnew(name);
  }

  /** What it has stays in sight under another name: it is asked for as if by the proxy itself. */
  follow(name: string): void {
    if (!this.names.has(name)) this.#subscribe([name], true);
  }

  /** The proxy did not take these; it goes on with what it had. */
  revert(rejected: readonly Sent[]): void {
    const atomic = this.kind.atomic === true;
    const back = rejected.filter(({ name, after }) => (after !== undefined || atomic) && this.wants(name));
    this.has = this.has.with(back.map(({ name, before }) => [name, before]));
    for (const { name } of back) this.#due.add(name);
  }

  /** Whether the proxy took these is unclear: they are sent again, each in a response of its own. */
  resend(unclear: readonly Sent[]): void {
    this.revert(unclear);
    for (const { name, after } of unclear) {
      if (after === undefined || !this.wants(name)) continue;
      this.#asked.add(name);
      this.#alone.add(name);
    }
  }

  /** The version that the proxy has and does not have to confirm any more. */
  accepted(name: string): string | undefined {
    const isPending = this.pending?.sent.some((sent) => sent.name === name) === true;
    return isPending ? undefined : this.has.get(name)?.version;
  }

  /** Names of what is sent and not confirmed, or still to be compared. */
  *unsettled(): Generator<string, void> {
    for (const { name } of this.pending?.sent ?? []) yield name;
    yield* this.#due;
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** What is to be sent now; undefined if nothing, or if the last response is not acknowledged yet. */
  next(catalog: Catalog, pacing: Pacing): Update | undefined {
    if (!this.hasWork) return undefined;
    // A part of a full state would say that the rest is gone.
    const fullState = this.kind.fullState && !this.kind.incremental;
    const maxBytes = fullState || this.kind.atomic === true ? Infinity : pacing.maxBytes;
    const sent = this.#additions(catalog, maxBytes);
    if (this.#leaving.size > 0 && pacing.removals) sent.push(...this.#removals());
    if (sent.length === 0 && !this.#answer) return undefined;
    return fullState ? { resources: this.#fullState(sent), removed: [], sent } : increment(sent);
  }

  /** `update` was sent under this nonce. */
  sent(update: Update, nonce: string): void {
    // For as long as the answer takes, and so without the room for more that an array has which grew.
    this.pending = { nonce, sent: update.sent.slice() };
    this.#lastNonce = nonce;
    this.#answer = false;
    this.has = this.has.with(changesOf(update.sent));
    for (const { name } of update.sent) {
      this.#due.delete(name);
      this.#leaving.delete(name);
      this.#asked.delete(name);
    }
  }

  #settle(nonce: string, error: string | undefined): Settled | undefined {
    if (this.pending === undefined || nonce !== this.pending.nonce) return undefined;
    const { sent } = this.pending;
    this.pending = undefined;
    for (const { name } of sent) this.#alone.delete(name);
    return { sent, error };
  }

  #subscribeAll(catalog: Catalog): void {
    if (!this.wildcard) this.#answer = true;
    this.wildcard = true;
    for (const name of catalog.names()) this.#due.add(name);
    for (const name of this.has.keys()) this.#due.add(name);
  }

  /** A name that is asked for again is sent again: the proxy has forgotten it. */
  #subscribe(names: readonly string[], first: boolean): void {
    if (names.length === 0) return;
    this.names = this.names.withAll(names, true);
    for (const name of names) {
      this.#due.add(name);
      if (!first || !this.has.has(name)) this.#asked.add(name);
    }
    if (!this.kind.incremental) this.#answer = true;
  }

  #unsubscribe(names: readonly string[]): void {
    if (names.length === 0) return;
    const left = names.filter((name) => this.names.has(name));
    this.names = this.names.withAll(left, undefined);
    if (names.includes('*')) {
      this.wildcard = false;
      this.#drop([...this.has.keys()].filter((held) => !this.names.has(held)));
    }
    if (!this.wildcard) this.#drop(left);
    else if (this.kind.incremental) for (const name of left) this.#askedAnew(name);
  }

  /** The wildcard still covers a name that is no longer asked for by itself: its state is told once more. */
  #askedAnew(name: string): void {
    this.#due.add(name);
    this.#asked.add(name);
  }

  #drop(names: readonly string[]): void {
    this.has = this.has.withAll(names, undefined);
    for (const set of [this.#due, this.#leaving, this.#asked, this.#alone]) for (const name of names) set.delete(name);
  }

  #additions(catalog: Catalog, maxBytes: number): Sent[] {
    const sent: Sent[] = [];
    const confirmed: [string, Held][] = [];
    let bytes = 0;
    for (const name of this.#due) {
      if (sent.length > 0 && (bytes >= maxBytes || this.#alone.has(name))) break;
      const wanted = catalog.find(name);
      const change = this.#change(name, wanted);
      if (change === undefined && typeof wanted !== 'string') confirmed.push([name, heldAs(wanted)]);
      if (change === undefined) continue;
      sent.push(change);
      bytes += change.after?.resource?.bytes.length ?? 0;
      if (this.#alone.has(name)) break;
    }
    // What a proxy said to have when it came is now what others have.
    this.has = this.has.with(confirmed);
    return sent;
  }

  /** What the name is due for; undefined, and it is due no more, if nothing or if it has to wait. */
  #change(name: string, wanted: Wanted): Sent | undefined {
    const before = this.has.get(name);
    const asked = this.#asked.has(name);
    this.#leaving.delete(name);
    if (wanted === 'absent' && asked && this.kind.incremental) return { name, before, after: undefined };
    if (typeof wanted !== 'string' && (asked || before?.version !== wanted.version))
      return { name, before, after: heldAs(wanted) };
    this.#due.delete(name);
    if (wanted !== 'withheld') this.#asked.delete(name);
    if (wanted === 'absent' && before !== undefined) this.#leaving.add(name);
    return undefined;
  }

  #removals(): Sent[] {
    if (!this.kind.incremental && !this.kind.fullState) this.#drop([...this.#leaving]);
    return [...this.#leaving].map((name) => ({ name, before: this.has.get(name), after: undefined }));
  }

  /** Everything the proxy has, with these changes. */
  #fullState(sent: readonly Sent[]): CachedResource[] {
    return [...this.has.with(changesOf(sent)).values()].flatMap(({ resource }) => resource ?? []);
  }
}
