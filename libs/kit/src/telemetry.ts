/** Traces of HTTP requests; and the OpenTelemetry SDK, started once by a process that exports metrics and traces. */
export { startTelemetry, type Telemetry, type TelemetryOptions } from '@convergekit/telemetry';
export { type RequestSpan, requestSpan, type ServedRequest } from '@convergekit/telemetry';
