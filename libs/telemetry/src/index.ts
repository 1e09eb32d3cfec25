/**
 * Logs, spans and instruments, with every name in `names.ts`.
 * - Only the OpenTelemetry API is used here: without an SDK everything is a cheap no-op. `startOwnTelemetry`
 *   loads and starts one, where its packages are installed; only processes (the CLI, services) call it.
 * - Logs go to stderr, with trace ids, without secrets and without payloads.
 * - Labels are bounded: never a key, never an id.
 */
export { observeAttempts, observeBreaker, traceAttempts } from './attempts.ts';
export { startOwnTelemetry, startTelemetry } from './load-sdk.ts';
export { logger, withLogsTo } from './logger.ts';
export { recordPolicies } from './policies.ts';
export { type RequestSpan, requestSpan, type ServedRequest } from './request-span.ts';
export { withSpan } from './spans.ts';
export { exitOnUncaught } from './uncaught.ts';
export type { Telemetry, TelemetryOptions } from './sdk.ts';
export type { Logger } from 'pino';
