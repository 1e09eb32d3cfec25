import { providersAreSet } from '@convergekit/telemetry/engine';
import type { Telemetry } from '../telemetry.ts';

/**
 * Starts the OpenTelemetry SDK of a process. Undefined where the application has set its own providers: spans and
 * metrics go to those. The SDK is loaded here, so that programs without service() do not load it.
 */
export async function startOwnTelemetry(serviceName: string): Promise<Telemetry | undefined> {
  if (providersAreSet()) return undefined;
  const { startTelemetry } = await import('../telemetry.ts');
  return startTelemetry({ serviceName });
}
