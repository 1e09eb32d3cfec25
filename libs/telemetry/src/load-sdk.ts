import { ConvergeError } from '@convergekit/core';
import { logger } from './logger.ts';
import { providersAreSet } from './providers.ts';
import type * as Sdk from './sdk.ts';
import type { Telemetry, TelemetryOptions } from './sdk.ts';

/** Installs the packages of the SDK in the version that the kit is tested with. */
export const INSTALL =
  'npm install @opentelemetry/sdk-node@0.301.0 @opentelemetry/exporter-prometheus@0.301.0';

/** Loads the OpenTelemetry SDK. Undefined: its packages, which are optional, are not installed. */
async function loadSdk(): Promise<typeof Sdk | undefined> {
  try {
    return await import('./sdk.ts');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True for a package of the SDK that is not installed, false for any other fault of loading it. Pure. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes('@opentelemetry/');
}

/**
 * Starts the OpenTelemetry SDK. Throws TELEMETRY_MISSING where its packages are not installed.
 * @example
 * ```ts
 * import { healthServer } from 'convergekit/process';
 * import { startTelemetry } from 'convergekit/telemetry';
 *
 * const telemetry = await startTelemetry({ serviceName: 'payments' }); // before what it observes is imported
 * export const health = healthServer({ port: 9090, checks: () => ({}), metrics: () => telemetry.scrape() });
 * ```
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const sdk = await loadSdk();
  if (sdk === undefined)
    throw new ConvergeError(`the packages of OpenTelemetry's SDK are not installed: run \`${INSTALL}\``, {
      code: 'TELEMETRY_MISSING',
      category: 'configuration',
      certainty: 'not_applied',
    });
  return sdk.startTelemetry(options);
}

/**
 * Starts the OpenTelemetry SDK of a process, where its packages are installed. Undefined without them, which is logged,
 * and where the application has set its own providers: spans and metrics go to those. The SDK is loaded here, so that
 * other programs do not load it. Throws TELEMETRY_MISSING where the environment names an exporter for it.
 */
export async function startOwnTelemetry(serviceName: string): Promise<Telemetry | undefined> {
  if (providersAreSet()) return undefined;
  if (namesExporter(process.env)) return startTelemetry({ serviceName });
  const sdk = await loadSdk();
  if (sdk !== undefined) return sdk.startTelemetry({ serviceName });
  logger(serviceName).info({}, `no traces, and no /metrics: \`${INSTALL}\` turns them on`);
  return undefined;
}

/** True where a variable names a place for traces or metrics to go, and none turns the SDK off. Pure. */
export function namesExporter(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  return Object.entries(env).some(
    ([name, value = '']) =>
      /^OTEL_(EXPORTER_OTLP_(.*_)?ENDPOINT|(TRACES|METRICS)_EXPORTER)$/.test(name) &&
      !['', 'none'].includes(value),
  );
}
