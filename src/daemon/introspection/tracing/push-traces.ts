// One trace of each change: reading it, finding out what it means, and for each proxy and type the response and its answer.
// Gathered as it happens, and exported once nobody owes an answer. The change's number is the one in the log.
import { setTimeout as delay } from 'node:timers/promises';

import type { Log } from '../../../xds/log.ts';
import type { Push, PushCause } from '../../../model/proxy/push.ts';
import { describeSource } from '../../../model/source.ts';
import type { PushAnswer, PushResponse, PushWatcher } from '../push-history.ts';
import type { SpanExport, SpanTree } from './span-exporter.ts';
import { openSpanExporter } from './span-exporter.ts';

export interface PushTraceOptions {
  readonly spans?: SpanExport;
  readonly log: Log;
}

const sweepMs = 1000;

export interface PushTracing {
  readonly watchers: readonly PushWatcher[];
  /** Exports what is left. */
  readonly close: () => Promise<void>;
}

/** Watches nothing where spans go nowhere. */
export async function pushTracing({ spans, log }: PushTraceOptions, signal: AbortSignal): Promise<PushTracing> {
  if (spans === undefined) return { watchers: [], close: () => Promise.resolve() };
  const exporter = await openSpanExporter(spans, log);
  const traces = new PushTraces((tree) => exporter.export(tree));
  const sweeping = setInterval(() => traces.sweep(), sweepMs).unref();
  signal.addEventListener('abort', () => clearInterval(sweeping));
  const close = async (): Promise<void> => {
    traces.sweep(true);
    // Whoever does not take the last spans is not waited for.
    await Promise.race([exporter.close(), delay(sweepMs)]);
  };
  return { watchers: [traces], close };
}

/** A response and what became of it. */
interface Exchange extends PushResponse {
  readonly at: number;
  answer?: { readonly at: number; readonly accepted: boolean };
}

interface Trace {
  push: Push;
  causes: readonly PushCause[];
  readonly steps: SpanTree[];
  readonly exchanges: Exchange[];
  left: number;
  touchedAt: number;
}

const mostTraces = 100;
/** Of one change: with more proxies, the first to be sent something have to do. */
const mostExchanges = 500;
/** Milliseconds after the last answer: what it sets off comes within a moment. */
const quiet = 1000;
/** Milliseconds after which nobody answers any more. */
const patience = 30_000;

export class PushTraces implements PushWatcher {
  readonly #export: (tree: SpanTree) => void;
  readonly #now: () => number;
  readonly #traces = new Map<number, Trace>();
  /** Responses that are not answered, by connection and type. */
  readonly #open = new Map<string, Exchange>();

  constructor(exportTree: (tree: SpanTree) => void, now: () => number = Date.now) {
    this.#export = exportTree;
    this.#now = now;
  }

  readonly changed = (push: Push, causes: readonly PushCause[], since: number): void => {
    const trace = this.#of(push);
    trace.causes = [...trace.causes, ...causes].slice(0, push.causes.length);
    trace.steps.push({ name: 'read', from: since, to: this.#now() });
  };

  readonly translated = (push: Push, since: number): void => {
    this.#of(push).steps.push({ name: 'translate', from: since, to: this.#now() });
  };

  readonly sent = (push: Push, response: PushResponse): void => {
    const trace = this.#of(push);
    if (trace.exchanges.length >= mostExchanges) return void trace.left++;
    const exchange: Exchange = { ...response, at: this.#now() };
    trace.exchanges.push(exchange);
    this.#open.set(keyOf(response), exchange);
  };

  readonly answered = (answer: PushAnswer): void => {
    const exchange = this.#open.get(keyOf(answer));
    if (exchange === undefined) return;
    exchange.answer = { at: this.#now(), accepted: answer.accepted };
    this.#open.delete(keyOf(answer));
  };

  /** Exports what is over, or everything. */
  sweep(everything = false): void {
    for (const [id, trace] of this.#traces) if (everything || this.#isOver(trace)) this.#end(id, trace);
  }

  #of(push: Push): Trace {
    const now = this.#now();
    const known = this.#traces.get(push.id);
    const trace = known ?? { push, causes: [], steps: [], exchanges: [], left: 0, touchedAt: now };
    trace.touchedAt = now;
    if (known === undefined) this.#begin(push.id, trace);
    return trace;
  }

  #begin(id: number, trace: Trace): void {
    const [oldest] = this.#traces;
    if (this.#traces.size >= mostTraces && oldest !== undefined) this.#end(...oldest);
    this.#traces.set(id, trace);
  }

  #isOver({ exchanges, touchedAt }: Trace): boolean {
    const answers = exchanges.map(({ answer }) => answer?.at ?? Infinity);
    const last = answers.length === 0 ? Infinity : Math.max(touchedAt, ...answers);
    return this.#now() - Math.min(last + quiet, touchedAt + patience) >= 0;
  }

  #end(id: number, trace: Trace): void {
    this.#traces.delete(id);
    for (const exchange of trace.exchanges)
      if (this.#open.get(keyOf(exchange)) === exchange) this.#open.delete(keyOf(exchange));
    this.#export(treeOf(trace));
  }
}

const keyOf = ({ connection, type }: Pick<PushResponse, 'connection' | 'type'>): string => `${connection} ${type}`;

/** Of proxies that came, or got new certificates, no object is the cause. */
function treeOf({ push, causes, steps, exchanges, left }: Trace): SpanTree {
  const children = [...steps, ...exchanges.map(exchangeSpan)];
  const ends = children.flatMap(({ to, children: below = [] }) => [to, ...below.map((child) => child.to)]);
  return {
    name: causes.length > 0 ? 'change' : 'proxies',
    from: Math.min(push.at, ...children.map(({ from }) => from)),
    to: Math.max(push.at, ...ends),
    failed: push.rejected > 0,
    attributes: {
      'keelson.change': push.id,
      'keelson.objects': causes.map(({ change, object }) => `${describeSource(object)} ${change}`),
      'keelson.objects.more': push.more,
      'keelson.responses': push.responses,
      'keelson.responses.untold': left,
      'keelson.resources': push.resources,
      'keelson.bytes': push.bytes,
      'keelson.rejected': push.rejected,
    },
    children,
  };
}

function exchangeSpan({ connection, type, resources, bytes, took, at, answer }: Exchange): SpanTree {
  const attributes = { 'keelson.connection': connection, 'keelson.type': type };
  const failed = answer?.accepted === false;
  return {
    name: 'send',
    from: at - took,
    to: at,
    attributes: { ...attributes, 'keelson.resources': resources, 'keelson.bytes': bytes },
    failed,
    children: answer === undefined ? [] : [{ name: failed ? 'reject' : 'accept', from: at, to: answer.at, attributes, failed }], // prettier-ignore
  };
}
