/**
 * Logs, spans and instruments, with every name in `names.ts`.
 * - Only the OpenTelemetry API is used here: without an SDK everything is a cheap no-op. `@convergekit/telemetry/sdk`
 *   starts one, and only processes (the CLI, services) import it.
 * - Logs go to stderr, with trace ids, without secrets and without payloads.
 * - Labels are bounded: never a key, never an id.
 */
export { observeAttempts, observeBreaker, traceAttempts } from './attempts.ts';
export { logger, withLogsTo } from './logger.ts';
export { countUnknownFailure, recordPolicies } from './policies.ts';
export { type RequestSpan, requestSpan, type ServedRequest } from './request-span.ts';
export { withSpan } from './spans.ts';
export { exitOnUncaught } from './uncaught.ts';
export type { Logger } from 'pino';
