/** Traces, metrics and logs of a process of your own: the OpenTelemetry SDK, started once. `service()` does so by itself. */
export {
  exitOnUncaught,
  observeAttempts,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
  traceAttempts,
} from '@convergekit/telemetry';
