import { waitUntil } from '@convergekit/testing';
import { between, type Fault, type FaultRun } from './fault.ts';

/** Whatever happens, the server is up again at the end. */
async function down(
  { clock, signal }: FaultRun,
  server: { start(): Promise<void> },
  stop: () => Promise<unknown>,
  ms: number,
): Promise<string> {
  const began = clock.monotonic();
  try {
    await stop();
    await clock.sleep(ms, signal);
  } finally {
    await server.start();
  }
  return `away for ${Math.round(clock.monotonic() - began)} ms`;
}

export const serverFaults: readonly Fault[] = [
  {
    kind: 'Postgres: immediate stop and restart',
    run: (run) => {
      const { postgres } = run.world;
      return down(run, postgres, () => relaxedUntil(run, () => immediateStop(run)), between(100, 4_000, run));
    },
  },
  {
    kind: 'Postgres: kill -9 and restart',
    run: (run) => {
      const { postgres } = run.world;
      return down(run, postgres, () => relaxedUntil(run, () => postgres.kill()), between(0, 1_000, run));
    },
  },
  {
    kind: 'Postgres: fast restart',
    run: (run) => down(run, run.world.postgres, () => run.world.postgres.stop(), 0),
  },
  {
    kind: 'Kafka: stop and restart',
    run: (run) => down(run, run.world.kafka, () => run.world.kafka.stop(), between(0, 8_000, run)),
  },
  {
    kind: 'Kafka: kill -9 and restart',
    run: (run) => down(run, run.world.kafka, () => run.world.kafka.kill(), between(0, 4_000, run)),
  },
];

/**
 * Lets no writer wait for the disk for a moment before the crash. A writer that waits would have nearly every commit on
 * disk within milliseconds, and a relay that publishes non-durable events would hardly ever be detected.
 */
async function relaxedUntil(
  { writers, clock, signal, pick }: FaultRun,
  crash: () => Promise<void>,
): Promise<void> {
  const relax = (relaxed: boolean): void => {
    for (const one of writers.values()) one.relaxed = relaxed;
  };
  relax(true);
  try {
    await clock.sleep(300 + pick * 700, signal);
    await crash();
  } finally {
    relax(false);
  }
}

/** SIGQUIT: no checkpoint, WAL that is not flushed is gone, the next start recovers. */
async function immediateStop({ world: { postgres } }: FaultRun): Promise<void> {
  if (postgres.pid !== undefined) process.kill(postgres.pid, 'SIGQUIT');
  await waitUntil(() => !postgres.running, { what: 'Postgres to be gone', deadlineMs: 30_000 });
}
