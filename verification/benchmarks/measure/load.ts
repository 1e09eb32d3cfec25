import { systemClock } from '@convergekit/core';
import { Pool } from 'pg';
import type { Source } from '../sides/side.ts';

/** The times when the events' commits had returned, by `keyPrefix` and number from 0. */
export type Commits = ReadonlyMap<string, number>;

export interface Load {
  readonly ratePerSecond: number;
  readonly events: number;
  /** Begins every key, and so identifies the round. */
  readonly keyPrefix: string;
  /** The event's own key, where several share one. @default `keyPrefix` and the number */
  readonly keyOf?: (number: number) => string;
  /** The first number. @default 0 */
  readonly from?: number;
}

/** Runs an open loop: transaction n begins at its time, whether or not earlier ones have ended. */
export async function writeAtRate(source: Source, load: Load): Promise<Commits> {
  const { ratePerSecond, events, keyPrefix, keyOf, from = 0 } = load;
  const commits = new Map<string, number>();
  const pool = new Pool({ connectionString: source.databaseUrl, max: 8 });
  pool.on('error', () => undefined);
  const inFlight: Promise<void>[] = [];
  const start = systemClock.monotonic();
  try {
    for (let n = 0; n < events; n += 1) {
      const wait = start + (n * 1000) / ratePerSecond - systemClock.monotonic();
      if (wait > 0) await systemClock.sleep(wait);
      const key = `${keyPrefix}-${n}`;
      inFlight.push(
        source
          .emit(pool, keyOf?.(from + n) ?? key, from + n)
          .then(() => void commits.set(key, systemClock.monotonic())),
      );
    }
    await Promise.all(inFlight);
    return commits;
  } finally {
    await pool.end();
  }
}
