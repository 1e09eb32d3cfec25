import { type Attributes, diag, DiagLogLevel } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { logger } from './logger.ts';
import { silenceSpans } from './spans.ts';
import { makeScrape, type Scrape, type Scraped } from './scrape.ts';

export type { Scraped } from './scrape.ts';

export interface TelemetryOptions {
  /** `service.name`, unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly serviceName: string;
  /** How long the last export may take at the end, milliseconds. @default 2_000 */
  readonly shutdownMs?: number;
  /** Told of each span as it ends, where none are exported: for tests and local tools. @default nobody */
  readonly onSpan?: (span: EndedSpan) => void;
}

export interface EndedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

export interface Telemetry {
  /** All instruments in Prometheus' text format, in base units, for whatever HTTP server the process has. */
  scrape(): Promise<Scraped>;
  /**
   * Sends what is left and ends. Bounded, and never rejects: telemetry must not decide how a process ends. An export
   * that is still retried then holds the event loop up to `OTEL_EXPORTER_OTLP_TIMEOUT`: end with `process.exit`.
   */
  shutdown(): Promise<void>;
}

type Configuration = NonNullable<ConstructorParameters<typeof NodeSDK>[0]>;

/**
 * Starts the OpenTelemetry SDK as the `OTEL_*` variables say. Without an endpoint or a named exporter nothing is
 * sent anywhere and nothing is printed, but spans still have ids, so that contexts travel with events and logs name
 * them, and instruments are counted for `scrape`.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const traces = exported('TRACES');
  const measures = exported('METRICS');
  const scrape = makeScrape();
  const configuration: Partial<Configuration> = {
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? options.serviceName,
    instrumentations: [],
    // Logs go to stderr, where whatever runs the process collects them.
    logRecordProcessors: [],
    // `OTEL_TRACES_EXPORTER=none` alone would give all-zero trace ids, with nothing to propagate.
    ...(traces ? {} : { spanProcessors: [spanProcessor(options.onSpan)] }),
    ...(measures ? {} : { metricReaders: [scrape.reader] }),
  };
  if (traces || measures) reportTrouble();
  const sdk = new NodeSDK(configuration);
  if (measures) addReader(sdk, scrape);
  sdk.start();
  silenceSpans(!traces && options.onSpan === undefined);
  return {
    scrape: () => scrape.read(),
    shutdown: () => bounded(sdk.shutdown(), options.shutdownMs ?? 2_000),
  };
}

// The SDK takes its readers either from the environment or from us, and keeps the function that makes them from the
// environment to itself. We need both: what pushes as OTEL_* says, and ours. The version is pinned, and a test watches.
function addReader(sdk: NodeSDK, { reader }: Scrape): void {
  const kept = sdk as unknown as { readonly _meterProviderConfig?: { readonly readers?: unknown[] } };
  kept._meterProviderConfig?.readers?.push(reader);
}

function exported(signal: 'TRACES' | 'METRICS'): boolean {
  const exporter = process.env[`OTEL_${signal}_EXPORTER`] ?? '';
  if (exporter !== '') return exporter !== 'none';
  return [
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'],
    process.env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`],
  ].some((endpoint) => endpoint !== undefined && endpoint !== '');
}

type SpanProcessor = NonNullable<Configuration['spanProcessors']>[number];

function spanProcessor(onSpan: TelemetryOptions['onSpan']): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnd: (span) => onSpan?.(ended(span)),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

function ended(span: Parameters<SpanProcessor['onEnd']>[0]): EndedSpan {
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

// An endpoint that was given and does not answer deserves a word; OpenTelemetry says nothing by default.
function reportTrouble(): void {
  const log = logger('telemetry');
  const say = (message: string): void => log.warn(message);
  const quiet = (): void => undefined;
  diag.setLogger({ error: say, warn: say, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
}

async function bounded(work: Promise<void>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
