import type { StackServer } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { type Draw, type Fault, fault, type Injected, type SourceTarget } from '../types.ts';

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

/** A server that is stopped in order, or killed, and started again. */
function away(
  of: 'postgres' | 'kafka',
  how: 'stop' | 'kill',
  name: string,
  about: string,
  holdMs: NonNullable<Fault['holdMs']> = [30_000, 30_000],
): Fault {
  return fault({
    name,
    about,
    holdMs,
    needs: [of],
    inject: ({ [of]: server }) => down(server, how === 'stop' ? 'stopped' : 'SIGKILL', () => server[how]()),
  });
}

const restart = 'fast restart of Postgres';
const killed = 'kill −9 of Kafka, and its start on the same data';
export const postgresRestart = away('postgres', 'stop', 'postgres-restart', restart, [0, 0]);
export const postgresDown = away('postgres', 'stop', 'postgres-down', 'Postgres is away for half a minute');
export const brokerStop = away('kafka', 'stop', 'broker-stop', 'stop and start of Kafka', [0, 8_000]);
export const brokerKill = away('kafka', 'kill', 'broker-kill', killed, [0, 4_000]);
// Killed: an orderly stop may take longer than the outage.
export const brokerDown = away('kafka', 'kill', 'broker-down', 'Kafka is away for half a minute');
