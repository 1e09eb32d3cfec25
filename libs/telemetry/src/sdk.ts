import { type Attributes, diag, DiagLogLevel, metrics, trace } from '@opentelemetry/api';
import { systemClock, endsWithin } from '@convergekit/core';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { logger } from './logger.ts';
import { withBaseUnit } from './prometheus-name.ts';
import { providersAreSet } from './providers.ts';
import { silenceSpans } from './spans.ts';

export interface TelemetryOptions {
  /** The value of `service.name`, unless `OTEL_SERVICE_NAME` is set. */
  readonly serviceName: string;
  /** Called for each ended span if none are exported: for tests and local tools. @default none */
  readonly onSpan?: (span: EndedSpan) => void;
}

export interface EndedSpan {
  /** The name of the span. */
  readonly name: string;
  /** The id of its trace, 32 hexadecimal digits. */
  readonly traceId: string;
  /** Its own id, 16 hexadecimal digits. */
  readonly spanId: string;
  /** The span that caused it; undefined for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  /** Its attributes by name. */
  readonly attributes: Attributes;
  /** Spans that it belongs to without being their child, such as those of a batch. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** Events within the span, such as an exception. */
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

export interface Telemetry {
  /** Returns all instruments in Prometheus' text format, in base units, for the HTTP server of the process. */
  scrape(): Promise<Scraped>;
  /**
   * Exports the rest and ends. It is bounded and never rejects: telemetry must not decide how a process ends.
   * An export that is still retrying then keeps the event loop alive for up to `OTEL_EXPORTER_OTLP_TIMEOUT`: end with
   * `process.exit`.
   */
  shutdown(): Promise<void>;
}

/** The time limit of the last export, in milliseconds. */
const SHUTDOWN_MS = 2_000;

type Configuration = NonNullable<ConstructorParameters<typeof NodeSDK>[0]>;

/**
 * Starts the OpenTelemetry SDK as configured by the `OTEL_*` variables. Nothing is sent or printed without an endpoint
 * or a named exporter. Spans still have ids, so that contexts travel with events and logs name them, and instruments
 * are counted for `scrape`.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const traces = isExported('TRACES');
  const measures = isExported('METRICS');
  const scrape = makeScrape();
  const configuration: Partial<Configuration> = {
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? options.serviceName,
    instrumentations: [],
    // Logs go to stderr, where the supervisor of the process collects them.
    logRecordProcessors: [],
    // `OTEL_TRACES_EXPORTER=none` alone would give all-zero trace ids, with nothing to propagate.
    ...(traces ? {} : { spanProcessors: [createSpanProcessor(options.onSpan)] }),
    ...(measures ? {} : { metricReaders: [scrape.reader] }),
  };
  if (traces || measures) logDiagnostics();
  const own = !providersAreSet();
  const sdk = new NodeSDK(configuration);
  if (measures) addReader(sdk, scrape);
  sdk.start();
  // Beside providers of the application nothing of this one is asked, and spans are theirs.
  if (own) silenceSpans(!traces && options.onSpan === undefined);
  return {
    scrape: () => scrape.read(),
    shutdown: async () => {
      await endsWithin(sdk.shutdown(), SHUTDOWN_MS, systemClock);
      if (own) unregister();
    },
  };
}

// The API refuses a second provider: without this, telemetry that is started again in the process would record nothing. The context
// manager and the propagator stay: they serve the next start too, and may be the application's.
function unregister(): void {
  silenceSpans(false);
  trace.disable();
  metrics.disable();
}

// Adds our reader to those of the environment. The SDK accepts readers either from the environment or from the caller
// and does not export the function that creates the former. We need both. The version is pinned, and a test checks it.
function addReader(sdk: NodeSDK, { reader }: Scrape): void {
  const kept = sdk as unknown as { readonly _meterProviderConfig?: { readonly readers?: unknown[] } };
  kept._meterProviderConfig?.readers?.push(reader);
}

function isExported(signal: 'TRACES' | 'METRICS'): boolean {
  const exporter = process.env[`OTEL_${signal}_EXPORTER`] ?? '';
  if (exporter !== '') return exporter !== 'none';
  return [
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'],
    process.env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`],
  ].some((endpoint) => endpoint !== undefined && endpoint !== '');
}

type SpanProcessor = NonNullable<Configuration['spanProcessors']>[number];

function createSpanProcessor(onSpan: TelemetryOptions['onSpan']): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnd: (span) => onSpan?.(toEndedSpan(span)),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

function toEndedSpan(span: Parameters<SpanProcessor['onEnd']>[0]): EndedSpan {
  const { name, attributes, parentSpanContext, links, events } = span;
  const { traceId, spanId } = span.spanContext();
  return {
    name,
    traceId,
    spanId,
    parentSpanId: parentSpanContext?.spanId,
    attributes,
    links: links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
    events: events.map((event) => ({ name: event.name, attributes: event.attributes ?? {} })),
  };
}

// Logs an endpoint that does not answer; by default OpenTelemetry logs nothing.
function logDiagnostics(): void {
  const log = logger('telemetry');
  const say = (message: string): void => log.warn(message);
  const quiet = (): void => undefined;
  diag.setLogger({ error: say, warn: say, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
}

/** The response to a scrape. */
export interface Scraped {
  readonly contentType: string;
  readonly body: string;
}

/** Collects metrics on request. It opens no port: the process's HTTP server serves it. */
interface Scrape {
  readonly reader: PrometheusExporter;
  read(): Promise<Scraped>;
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Creates a scrape. Call it before the SDK starts, which takes `reader` as one of its metric readers. */
function makeScrape(): Scrape {
  const reader = new PrometheusExporter({ preventServerStart: true });
  // Scope labels would double the length of every line with one constant word.
  const serializer = new PrometheusSerializer('', false, undefined, false, true);
  return {
    reader,
    read: async () => {
      const { resourceMetrics } = await reader.collect();
      return { contentType: CONTENT_TYPE, body: serializer.serialize(inBaseUnits(resourceMetrics)) };
    },
  };
}

type Collected = Awaited<ReturnType<PrometheusExporter['collect']>>['resourceMetrics'];

// Adds the base unit to a metric's name, as Prometheus requires. The serializer replaces dots and omits it; a dashboard that reads
// seconds as milliseconds is wrong by a factor of a thousand without any sign.
function inBaseUnits(found: Collected): Collected {
  return {
    ...found,
    scopeMetrics: found.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => ({
        ...metric,
        descriptor: { ...metric.descriptor, name: withBaseUnit(metric.descriptor) },
      })),
    })),
  };
}
