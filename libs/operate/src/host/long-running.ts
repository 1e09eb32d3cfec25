import type { Service } from '@convergekit/core';
import type { Checks } from '@convergekit/config';
import { runProcess } from '@convergekit/config/engine';
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
  try {
    await runProcess(
      {
        health: settings.health,
        services: services(),
        checks: (state) => ({ draining: { ok: state !== 'stopping' }, ...checks() }),
        live: () => live?.() ?? {},
        ...(telemetry === undefined ? {} : { metrics: () => telemetry.scrape() }),
        onReady: (healthPort) => log.info({ healthPort }, 'running'),
      },
      { signal, onStopping: (reason) => log.info({ reason }, 'stopping') },
    );
    log.info('stopped');
  } finally {
    await telemetry?.shutdown();
  }
}
