import { runServices, type Service } from '@convergekit/core';
import { healthServer, watchEventLoop, type Checks } from '@convergekit/config';
import { type Logger, startOwnTelemetry } from '@convergekit/telemetry';
import type { Settings } from './settings.ts';

export interface LongRunning {
  readonly name: string;
  readonly settings: Settings;
  readonly log: Logger;
  /** Made after telemetry started: instruments that are made earlier stay silent. */
  readonly services: () => readonly Service[];
  readonly checks: () => Checks;
  /** Returns whether the services make progress. @default only the event loop is watched */
  readonly live?: () => Checks;
  /** Stops the services when it aborts, as SIGTERM does. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs services until a signal or a failure, with health server and telemetry. */
export async function runLong({
  name,
  settings,
  log,
  services,
  checks,
  live,
  signal,
}: LongRunning): Promise<void> {
  const telemetry = await startOwnTelemetry(`converge-${name}`);
  const loop = watchEventLoop();
  let stopping = false;
  const { port, host } = settings.health;
  const health = healthServer({
    port,
    // A free port is known only on this machine, so it is served only there.
    host: host ?? (port === 0 ? '127.0.0.1' : '0.0.0.0'),
    checks: () => ({ draining: { ok: !stopping }, ...checks() }),
    live: () => ({ eventLoop: loop.check(), ...live?.() }),
    ...(telemetry === undefined ? {} : { metrics: () => telemetry.scrape() }),
  });
  try {
    await runServices([health, ...services()], {
      signal,
      onReady: () => log.info({ healthPort: health.port }, 'running'),
      onStopping: (reason) => {
        stopping = true;
        log.info({ reason }, 'stopping');
      },
    });
    log.info('stopped');
  } finally {
    loop.stop();
    await telemetry?.shutdown();
  }
}
