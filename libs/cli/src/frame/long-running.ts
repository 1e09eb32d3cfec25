import { runServices, type Service } from '@convergekit/core';
import { healthServer, watchEventLoop, type Checks } from '@convergekit/config';
import type { Logger } from '@convergekit/telemetry';
import { startTelemetry } from '@convergekit/telemetry/sdk';
import { healthOptions } from './health-options.ts';
import type { Settings } from './settings.ts';

export interface LongRunning {
  readonly name: string;
  readonly settings: Settings;
  readonly log: Logger;
  /** Made after telemetry started: instruments that are made earlier stay silent. */
  readonly services: () => readonly Service[];
  readonly checks: () => Checks;
  /** Do they still make progress? @default the event loop alone is watched */
  readonly live?: () => Checks;
}

/** Runs services until a signal or a death, with health and telemetry around them. */
export async function runLong({ name, settings, log, services, checks, live }: LongRunning): Promise<void> {
  const telemetry = startTelemetry({ serviceName: `converge-${name}` });
  const loop = watchEventLoop();
  let stopping = false;
  const health = healthServer({
    ...healthOptions(settings),
    checks: () => ({ draining: { ok: !stopping }, ...checks() }),
    live: () => ({ eventLoop: loop.check(), ...live?.() }),
    metrics: () => telemetry.scrape(),
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
    loop.stop();
    await telemetry.shutdown();
  }
}
