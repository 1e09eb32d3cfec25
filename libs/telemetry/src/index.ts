/**
 * Logs, spans and instruments, with every name in `names.ts`.
 * - Only the OpenTelemetry API is used here: without an SDK everything is a cheap no-op. `@convergekit/telemetry/sdk`
 *   starts one, and only processes (the CLI, services) import it.
 * - Logs go to stderr, with trace ids, without secrets and without payloads.
 * - Labels are bounded: never a key, never an id.
 */
export {
  type AttemptRecord,
  countAttempt,
  numberLabel,
  observeAttempts,
  observeBreaker,
  type ObservedOperation,
  recordObjective,
  traceAttempts,
  waitAttributes,
} from './attempts.ts';
export { errorFields, type ErrorFields } from './error-fields.ts';
export { instruments, type Instruments, type TimeInstrument } from './instruments.ts';
export { logger, logLevels, makeLogger } from './logger.ts';
export { countUnknownFailure, recordPolicies } from './policies.ts';
export {
  attributeNames,
  instrumentDefinitions,
  SCOPE,
  spanEvents,
  spanNames,
  type InstrumentDefinition,
} from './names.ts';
export {
  contextFrom,
  contextOrActive,
  failSpan,
  inject,
  injectSpan,
  injectTrace,
  inSpan,
  openSpan,
  traceContextFrom,
  traceLink,
  traceparentOf,
  withSpan,
  type SpanOptions,
} from './spans.ts';
export { exitOnUncaught } from './uncaught.ts';
export type { Attributes, Context, Span } from '@opentelemetry/api';
export type { Logger } from 'pino';
