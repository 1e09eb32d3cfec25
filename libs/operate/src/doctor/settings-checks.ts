import type { Executor } from '@convergekit/postgres';
import { readDatabaseTime } from '@convergekit/postgres/engine';
import type { Finding } from './finding.ts';
import { formatMs } from '../text.ts';

export interface ServerSettings {
  readonly versionNumber: number;
  readonly version: string;
  readonly synchronousCommit: string;
  readonly fsync: string;
}

const sql = `
  select current_setting('server_version_num')::int as "versionNumber", current_setting('server_version') as version,
         current_setting('synchronous_commit') as "synchronousCommit",
         current_setting('fsync') as fsync`;

export async function readServerSettings(executor: Executor): Promise<ServerSettings> {
  const { rows } = await executor.query<ServerSettings>(sql);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres returned no row for its own settings');
  return row;
}

/** Checks the server settings that the guarantees require. The function is pure. */
export function checkServerSettings(found: ServerSettings): readonly Finding[] {
  return [versionOf(found), synchronousCommit(found), fsync(found)].flat();
}

const OLDEST = 140_000;

function versionOf({ versionNumber, version }: ServerSettings): Finding {
  const check = 'postgres version';
  return versionNumber >= OLDEST
    ? { check, verdict: 'ok', text: version }
    : { check, verdict: 'fail', text: `${version}: converge needs 14 or newer`, next: 'upgrade the server' };
}

function synchronousCommit({ synchronousCommit: value }: ServerSettings): Finding {
  const check = 'synchronous_commit';
  if (value !== 'off') return { check, verdict: 'ok', text: value };
  const text =
    'off: a crash of Postgres can lose commits that were confirmed, with their events; none is published before it is durable';
  return { check, verdict: 'warn', text, next: 'set synchronous_commit = on, unless such losses are meant' };
}

function fsync({ fsync: value }: ServerSettings): readonly Finding[] {
  if (value === 'on') return [];
  const text =
    'off: after a crash of the machine the database may be damaged, and published events may be unknown to it';
  return [{ check: 'fsync', verdict: 'fail', text, next: 'set fsync = on and restart Postgres' }];
}

const CLOCK_WARN_MS = 1_000;

/** Compares the database's clock with this machine's. `ce_time` and ages come from it, so people compare the two. */
export async function checkClock(executor: Executor): Promise<Finding> {
  const before = Date.now();
  const there = await readDatabaseTime(executor);
  const after = Date.now();
  // The answer was created between the two times; the middle is wrong by half the round trip at most.
  return judgeClock(there - (before + after) / 2);
}

export function judgeClock(differenceMs: number): Finding {
  const check = 'clock';
  const size = Math.abs(differenceMs);
  if (size < CLOCK_WARN_MS) return { check, verdict: 'ok', text: `${formatMs(size)} apart from Postgres` };
  const text = `${formatMs(size)} ${differenceMs > 0 ? 'behind' : 'ahead of'} Postgres: times of events and logs will not match`;
  return {
    check,
    verdict: 'warn',
    text,
    next: 'synchronise both clocks (NTP); leases use the database clock alone',
  };
}
