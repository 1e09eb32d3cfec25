/** Traces, metrics and logs of a process of your own: the OpenTelemetry SDK, started once. `defineService()` does so by itself. */
export {
  exitOnUncaught,
  observeAttempts,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
  traceAttempts,
} from '@convergekit/telemetry';
