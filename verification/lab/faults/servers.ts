import type { StackServer } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { type Draw, fault, type Injected, type SourceTarget } from '../types.ts';

/** Takes a server away; whatever happens, it is up again at the end. */
async function down(server: StackServer, what: string, stop: () => Promise<unknown>): Promise<Injected> {
  try {
    await stop();
  } catch (error) {
    await server.start();
    throw error;
  }
  return { what, repair: () => server.start() };
}

/**
 * Lets no writer wait for the disk for a moment before the crash. A writer that waits would have nearly every commit on
 * disk within milliseconds, and a relay that publishes non-durable events would hardly ever be detected.
 */
async function relaxedUntil(
  sources: readonly SourceTarget[],
  { clock, signal, pick }: Draw,
  crash: () => Promise<unknown>,
): Promise<void> {
  for (const { relax } of sources) relax?.(true);
  try {
    await clock.sleep(300 + pick * 700, signal);
    await crash();
  } finally {
    for (const { relax } of sources) relax?.(false);
  }
}

/** SIGQUIT: no checkpoint, WAL that is not flushed is gone, the next start recovers. */
async function stopAtOnce(postgres: StackServer): Promise<void> {
  if (!('pid' in postgres) || typeof postgres.pid !== 'number') return postgres.kill();
  process.kill(postgres.pid, 'SIGQUIT');
  await waitUntil(() => !postgres.running, { what: 'Postgres to be gone', deadlineMs: 30_000 });
}

export const postgresImmediate = fault({
  name: 'postgres-immediate',
  about: 'immediate stop of Postgres, and its recovery',
  needs: ['postgres', 'sources'],
  holdMs: [100, 4_000],
  inject: ({ postgres, sources }, draw) =>
    down(postgres, 'SIGQUIT', () => relaxedUntil(sources, draw, () => stopAtOnce(postgres))),
});

export const postgresKill = fault({
  name: 'postgres-kill',
  about: 'kill −9 of Postgres, and its recovery',
  needs: ['postgres', 'sources'],
  holdMs: [0, 1_000],
  inject: ({ postgres, sources }, draw) =>
    down(postgres, 'SIGKILL', () => relaxedUntil(sources, draw, () => postgres.kill())),
});

export const postgresRestart = fault({
  name: 'postgres-restart',
  about: 'fast restart of Postgres',
  needs: ['postgres'],
  holdMs: [0, 0],
  inject: ({ postgres }) => down(postgres, 'stopped', () => postgres.stop()),
});

export const postgresDown = fault({
  name: 'postgres-down',
  about: 'Postgres is away for half a minute',
  needs: ['postgres'],
  holdMs: [30_000, 30_000],
  inject: ({ postgres }) => down(postgres, 'stopped', () => postgres.stop()),
});

export const brokerStop = fault({
  name: 'broker-stop',
  about: 'stop and start of Kafka',
  needs: ['kafka'],
  holdMs: [0, 8_000],
  inject: ({ kafka }) => down(kafka, 'stopped', () => kafka.stop()),
});

export const brokerKill = fault({
  name: 'broker-kill',
  about: 'kill −9 of Kafka, and its start on the same data',
  needs: ['kafka'],
  holdMs: [0, 4_000],
  inject: ({ kafka }) => down(kafka, 'SIGKILL', () => kafka.kill()),
});

export const brokerDown = fault({
  name: 'broker-down',
  about: 'Kafka is away for half a minute',
  needs: ['kafka'],
  holdMs: [30_000, 30_000],
  // Killed: an orderly stop may take longer than the outage.
  inject: ({ kafka }) => down(kafka, 'SIGKILL', () => kafka.kill()),
});
