import { runServices, type Service } from '@convergekit/core';
import { z } from 'zod';
import { watchEventLoop } from './event-loop.ts';
import type { Checks } from './health.ts';
import { type HealthOptions, healthServer } from './health-server.ts';

/** The settings of a process's health server. */
export const healthSettings = z.object({
  port: z.int().min(0).max(65_535).default(0).meta({
    description:
      'The port of /livez, /readyz, /startupz and /metrics; 0 takes any free port, which the log names.',
    unit: 'none',
  }),
  host: z.string().min(1).optional().meta({
    description: 'The address that the health port listens on.',
    fallback: '127.0.0.1 where the port is 0, else 0.0.0.0',
  }),
});

type RunOptions = NonNullable<Parameters<typeof runServices>[1]>;

export type ProcessState = 'starting' | 'ready' | 'stopping';

/** What a process runs, and what its health server says of it. */
export interface Process extends Pick<HealthOptions, 'metrics'> {
  readonly health: z.output<typeof healthSettings>;
  readonly services: readonly Service[];
  readonly checks: (state: ProcessState) => Checks;
  /** The checks of liveness besides the event loop's. */
  readonly live: (state: ProcessState) => Checks;
  readonly onReady: (healthPort: number | undefined) => void;
}

/** Runs services behind a health server until a signal or a failure. Rejects with what ended them. */
export async function runProcess(
  { health: { port, host }, services, checks, live, metrics, onReady }: Process,
  { onStopping, ...options }: Omit<RunOptions, 'onReady'>,
): Promise<void> {
  const loop = watchEventLoop();
  let state: ProcessState = 'starting';
  const health = healthServer({
    port,
    // A free port is known only on this machine, so it is served only there.
    host: host ?? (port === 0 ? '127.0.0.1' : '0.0.0.0'),
    checks: () => checks(state),
    live: () => ({ eventLoop: loop.check(), ...live(state) }),
    ...(metrics === undefined ? {} : { metrics }),
  });
  try {
    await runServices([health, ...services], {
      ...options,
      onReady: () => {
        state = 'ready';
        onReady(health.port);
      },
      onStopping: (reason) => {
        state = 'stopping';
        onStopping?.(reason);
      },
    });
  } finally {
    loop.stop();
  }
}
