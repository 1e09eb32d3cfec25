import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';
import { attributeNames, SCOPE } from './names.ts';

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

export interface SpanOptions {
  readonly kind: keyof typeof kinds;
  readonly attributes?: Attributes;
  /** What this span answers without being its child: the events of a batch, the attempt that caused a compensation. */
  readonly links?: readonly Context[];
  /** @default the active context */
  readonly parent?: Context;
}

/**
 * Runs `fn` inside a span. A rejection marks the span as failed, with the error's code as `error.type`, and passes on
 * unchanged. The error's message is not recorded: it may carry values of the business.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = trace.getTracer(SCOPE).startSpan(
    name,
    {
      kind: kinds[options.kind],
      ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      links: (options.links ?? []).flatMap(linkTo),
    },
    parent,
  );
  try {
    return await context.with(trace.setSpan(parent, span), fn, undefined, span);
  } catch (error) {
    failSpan(span, errorType(error));
    throw error;
  } finally {
    span.end();
  }
}

let silent = false;

/** Whether spans go nowhere although a provider is there to give them ids. Said by whoever starts the SDK. */
export function silenceSpans(value: boolean): void {
  silent = value;
}

/**
 * A span to be ended by the caller; undefined when nobody collects it. For spans that are many or cost something to
 * describe: ask for one, and describe it only when there is one.
 */
export function openSpan(name: string, options: SpanOptions): Span | undefined {
  if (silent) return undefined;
  const { kind, attributes, links = [], parent = context.active() } = options;
  const span = trace.getTracer(SCOPE).startSpan(
    name,
    {
      kind: kinds[kind],
      ...(attributes === undefined ? {} : { attributes }),
      links: links.flatMap(linkTo),
    },
    parent,
  );
  return span.isRecording() ? span : undefined;
}

/** Runs `fn` inside a span that the caller ends; just runs it when there is none. */
export function inSpan<T>(span: Span | undefined, fn: () => Promise<T>): Promise<T> {
  return span === undefined ? fn() : context.with(trace.setSpan(context.active(), span), fn);
}

/** The trace of the active span, else the one that a received event brings; never baggage. */
export function continued(carrier: Readonly<Record<string, string>>): Context {
  return trace.getActiveSpan() === undefined
    ? traceContextFrom(carrier)
    : propagation.deleteBaggage(context.active());
}

/** A span as W3C writes it, to be kept and linked to later. */
export function traceparentOf(span: Span | undefined): string | undefined {
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Marks a span as failed, as `withSpan` does: by the error's code alone. */
export function failSpan(span: Span, code: string): void {
  span.setAttribute(attributeNames.errorType, code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** A link to the span that a stored `traceparent` names. */
export function traceLink(traceparent: string): Link | undefined {
  return linkTo(contextFrom({ traceparent }))[0];
}

/** Writes `traceparent`, `tracestate` and `baggage` of the active context; nothing where no trace is active. */
export function inject(carrier: Record<string, string>): void {
  propagation.inject(context.active(), carrier);
}

/** As `inject`, without the baggage: for what answers a received event. */
export function injectTrace(carrier: Record<string, string>): void {
  propagation.inject(propagation.deleteBaggage(context.active()), carrier);
}

/**
 * As `inject`, but from a span of its own where one is collected: for what is made now and answered elsewhere. The span
 * is over at once; what goes on from it are the spans of whoever takes the carrier.
 */
export function injectSpan(carrier: Record<string, string>, name: string, options: SpanOptions): void {
  const { parent = context.active() } = options;
  const span = openSpan(name, options);
  propagation.inject(span === undefined ? parent : trace.setSpan(parent, span), carrier);
  span?.end();
}

/** The context that `inject` wrote; an empty one where there is none. Other headers are ignored. */
export function contextFrom(carrier: Readonly<Record<string, string>>): Context {
  return propagation.extract(ROOT_CONTEXT, carrier);
}

/** The trace that a received event belongs to. Its baggage may be any writer's of the topic, so it is not carried on. */
export function traceContextFrom(carrier: Readonly<Record<string, string>>): Context {
  return propagation.deleteBaggage(contextFrom(carrier));
}

function linkTo(linked: Context): readonly Link[] {
  const spanContext = trace.getSpanContext(linked);
  return spanContext === undefined ? [] : [{ context: spanContext }];
}

function errorType(error: unknown): string {
  if (error instanceof Error)
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return typeof error;
}
