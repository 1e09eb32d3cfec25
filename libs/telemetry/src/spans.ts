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
  /** Contexts of related spans that are no parents: the events of a batch, the attempt that caused a compensation. */
  readonly links?: readonly Context[];
  /** @default the active context */
  readonly parent?: Context;
}

/**
 * Runs `fn` in a span. A rejection marks the span as failed and passes on unchanged.
 * `error.type` is the error's code. The message is not recorded: it may contain business data.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = startSpan(name, options, parent);
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

/** Sets whether spans are discarded although a provider gives them ids. Called by the code that starts the SDK. */
export function silenceSpans(value: boolean): void {
  silent = value;
}

/**
 * Opens a span that the caller ends; undefined if spans are not collected.
 * For spans that are many or costly to describe: compute the description only if there is a span.
 */
export function openSpan(name: string, options: SpanOptions): Span | undefined {
  if (silent) return undefined;
  const span = startSpan(name, options, options.parent ?? context.active());
  return span.isRecording() ? span : undefined;
}

function startSpan(name: string, { kind, attributes, links = [] }: SpanOptions, parent: Context): Span {
  const described = attributes === undefined ? {} : { attributes };
  const options = { kind: kinds[kind], links: links.flatMap(linkTo), ...described };
  return trace.getTracer(SCOPE).startSpan(name, options, parent);
}

/** Runs `fn` in a span that the caller ends, or without one if undefined. */
export function inSpan<T>(span: Span | undefined, fn: () => Promise<T>): Promise<T> {
  return span === undefined ? fn() : context.with(trace.setSpan(context.active(), span), fn);
}

/** Returns the active trace, or else that of a received event. Never its baggage. */
export function contextOrActive(carrier: Readonly<Record<string, string>>): Context {
  return trace.getActiveSpan() === undefined
    ? traceContextFrom(carrier)
    : propagation.deleteBaggage(context.active());
}

/** Formats a span as a W3C `traceparent`, for a later link. */
export function traceparentOf(span: Span | undefined): string | undefined {
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Marks a span as failed with the error's code, as `withSpan` does. */
export function failSpan(span: Span, code: string): void {
  span.setAttribute(attributeNames.errorType, code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Creates a link to the span of a stored `traceparent`. */
export function traceLink(traceparent: string): Link | undefined {
  return linkTo(contextFrom({ traceparent }))[0];
}

/** Writes `traceparent`, `tracestate` and `baggage` of the active context; nothing without an active trace. */
export function inject(carrier: Record<string, string>): void {
  propagation.inject(context.active(), carrier);
}

/** Writes the active context without baggage, for responses to a received event. */
export function injectTrace(carrier: Record<string, string>): void {
  propagation.inject(propagation.deleteBaggage(context.active()), carrier);
}

/**
 * Injects the context of a new span, for a message that is handled elsewhere.
 * The span ends at once; its children are the spans of the receiver.
 */
export function injectSpan(carrier: Record<string, string>, name: string, options: SpanOptions): void {
  const { parent = context.active() } = options;
  const span = openSpan(name, options);
  propagation.inject(span === undefined ? parent : trace.setSpan(parent, span), carrier);
  span?.end();
}

/** Reads the context that `inject` wrote, or an empty one. Other headers are ignored. */
export function contextFrom(carrier: Readonly<Record<string, string>>): Context {
  return propagation.extract(ROOT_CONTEXT, carrier);
}

/** Reads the trace of a received event. The baggage is ignored: any writer of the topic may have set it. */
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
