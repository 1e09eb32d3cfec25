import { healthServer, runServices, type Checks, type Service } from '@converge/runtime';
import type { Logger } from '@converge/telemetry';
import { startTelemetry } from '@converge/telemetry/sdk';
import { healthOptions } from './health-options.ts';
import type { Settings } from './settings.ts';

export interface LongRunning {
  readonly name: string;
  readonly settings: Settings;
  readonly log: Logger;
  /** Made after telemetry started: instruments that are made earlier stay silent. */
  readonly services: () => readonly Service[];
  readonly checks: () => Checks;
}

/** Runs services until a signal or a death, with health and telemetry around them. */
export async function runLong({ name, settings, log, services, checks }: LongRunning): Promise<void> {
  const telemetry = startTelemetry({ serviceName: `converge-${name}` });
  let stopping = false;
  const health = healthServer({
    ...healthOptions(settings),
    checks: () => ({ draining: { ok: !stopping }, ...checks() }),
  });
  try {
    await runServices([health, ...services()], {
      onReady: () => log.info({ healthPort: health.port }, 'running'),
      onStopping: (reason) => {
        stopping = true;
        log.info({ reason }, 'stopping');
      },
    });
    log.info('stopped');
  } finally {
    await telemetry.shutdown();
  }
}
