// Sends spans of what is over to an OpenTelemetry collector. Its packages are only loaded when somebody wants them.
// https://opentelemetry.io/docs/specs/otlp/
import type { Context } from '@opentelemetry/api';
import type { SpanExporter as Exporter } from '@opentelemetry/sdk-trace';

import type { Log } from '../../../xds/log.ts';
import { versionInfo } from '../introspection.ts';

export interface SpanExport {
  readonly protocol: 'grpc' | 'http/protobuf';
  /** Under which name, and which of those that have the same. */
  readonly service: string;
  readonly instance: string;
  /** `key=value,…`, beside that. */
  readonly attributes?: string;
  /** Of the collector; without it the exporter looks into the environment, as for headers and certificates. */
  readonly url?: string;
}

/** A span and what happened in it; milliseconds since 1970, with fractions. */
export interface SpanTree {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly attributes?: Readonly<Record<string, string | number | readonly string[]>>;
  readonly failed?: boolean;
  readonly children?: readonly SpanTree[];
}

export interface SpanExporter {
  /** As a trace of its own. */
  readonly export: (tree: SpanTree) => void;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
}

export async function openSpanExporter(options: SpanExport, log: Log): Promise<SpanExporter> {
  const [{ ROOT_CONTEXT, SpanStatusCode, trace }, { BatchSpanProcessor, TracerProvider }, { resourceFromAttributes }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/resources'),
    ]);
  const provider = new TracerProvider({
    resource: resourceFromAttributes(resourceOf(options)),
    spanProcessors: [new BatchSpanProcessor({ exporter: told(await otlpExporter(options), log) })],
  });
  const tracer = provider.getTracer('keelson', versionInfo.version);
  const write = ({ name, from, to, attributes = {}, failed, children = [] }: SpanTree, context: Context): void => {
    const given = Object.entries(attributes).map(([key, value]) => [key, typeof value === 'object' ? [...value] : value] as const); // prettier-ignore
    const span = tracer.startSpan(name, { startTime: timeOf(from), attributes: Object.fromEntries(given) }, context);
    if (failed === true) span.setStatus({ code: SpanStatusCode.ERROR });
    for (const child of children) write(child, trace.setSpan(context, span));
    span.end(timeOf(Math.max(from, to)));
  };
  return { export: (tree) => write(tree, ROOT_CONTEXT), close: () => provider.shutdown() };
}

/** Seconds and nanoseconds: a mere number may be taken for one since the process began. */
const timeOf = (milliseconds: number): [number, number] => [
  Math.floor(milliseconds / 1000),
  Math.round((milliseconds % 1000) * 1e6),
];

async function otlpExporter({ protocol, url }: SpanExport): Promise<Exporter> {
  const { OTLPTraceExporter } = await (protocol === 'grpc'
    ? import('@opentelemetry/exporter-trace-otlp-grpc')
    : import('@opentelemetry/exporter-trace-otlp-proto'));
  return new OTLPTraceExporter(url === undefined ? {} : { url });
}

/** Tells once that a collector takes no spans, and once that it does again. */
function told(exporter: Exporter, log: Log): Exporter {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !failing) log.warn('spans cannot be sent', { reason: result.error?.message });
        if (!failed && failing) log.info('spans are sent again');
        failing = failed;
        // What happens to fail is told; the processor would tell it again.
        done({ code: 0 });
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

/** https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable */
function resourceOf({ service, instance, attributes = '' }: SpanExport): Record<string, string> {
  const given = attributes.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())] as const];
  });
  const own = { 'service.instance.id': instance, 'service.version': versionInfo.version };
  return { ...own, ...Object.fromEntries(given), 'service.name': service };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
