import { systemClock } from '@convergekit/core';
import { Pool } from 'pg';
import { atRate } from '../../lab/drive.ts';
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
  readonly signal?: AbortSignal;
}

/** Runs an open loop of transactions with one event each. */
export async function writeAtRate(source: Source, load: Load): Promise<Commits> {
  const { ratePerSecond: perSecond, events: count, keyPrefix, keyOf, from = 0, signal } = load;
  const commits = new Map<string, number>();
  const pool = new Pool({ connectionString: source.databaseUrl, max: 8 });
  pool.on('error', () => undefined);
  try {
    await atRate({ perSecond, count, signal }, async (n) => {
      const key = `${keyPrefix}-${n}`;
      await source.emit(pool, keyOf?.(from + n) ?? key, from + n);
      commits.set(key, systemClock.monotonic());
    });
    return commits;
  } finally {
    await pool.end();
  }
}
