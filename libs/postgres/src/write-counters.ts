import { type Clock, endsWithin, newUuidV7, type Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { CounterRow } from './counter.ts';
import type { Executor } from './executor.ts';

/** The period of writes while something happens, in milliseconds. A part at rest writes nothing. */
export const COUNTED_MS = 10_000;
/** The time that a stop waits for the last write, in milliseconds. */
const LAST_MS = 500;
/** Old rows that one write removes at most: each write adds fewer. */
const REMOVED = 200;

/** This start of this process. */
const PROCESS = newUuidV7();

// Rows that another process removes at the moment are passed over.
const writeSql = `
  with gone as (
    delete from converge.counter where ctid = any (array(
      select ctid from converge.counter where at < clock_timestamp() - interval '1 day'
       order by at limit ${REMOVED} for update skip locked)))
  insert into converge.counter (part, name, process, version, seconds, done, topics, failed, retried, drifted, repaired,
                                lag, oldest_ms, took, took_ms, most_ms)
  select r.part, r.name, $2, $3, $4, r.done, r.topics, r.failed, r.retried, r.drifted, r.repaired,
         r.lag, r.oldest_ms, r.took, r.took_ms, r.most_ms
    from jsonb_to_recordset($1::jsonb) as r (part text, name text, done bigint, topics jsonb, failed bigint, retried bigint,
         drifted bigint, repaired bigint, lag bigint, oldest_ms bigint, took bigint, took_ms bigint, most_ms bigint)`;

export interface CountersOptions {
  readonly executor: Executor;
  /** Takes what was counted since the last write. */
  readonly take: () => readonly (CounterRow | undefined)[];
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the writes, with one for what was counted since the last. */
  readonly signal: AbortSignal;
  /** What could not be written is lost: a chart lacks it, and nothing else. */
  readonly onError: (error: unknown) => void;
}

/** Writes what the counters of a process counted, every ten seconds in which something happened, in one statement. */
export async function writeCounters(options: CountersOptions): Promise<void> {
  const { executor, take, clock, random, signal, onError } = options;
  const version = versionOf(process.env);
  let writtenAt = clock.monotonic();
  const run = async (): Promise<void> => {
    const now = clock.monotonic();
    const seconds = Math.max(now - writtenAt, 1) / 1_000;
    writtenAt = now;
    const rows = take().filter((row) => row !== undefined);
    if (rows.length === 0) return;
    await executor.query(writeSql, [JSON.stringify(rows), PROCESS, version, seconds]);
  };
  const backoff = { baseMs: COUNTED_MS, factor: 1, capMs: COUNTED_MS };
  await poll({ everyMs: COUNTED_MS, immediately: false, signal, run, onError, clock, random, backoff });
  await endsWithin(run().catch(onError), LAST_MS, clock);
}

/** Finds the version of the application, as OpenTelemetry or npm gives it; empty: neither does. Pure. */
export function versionOf(environment: Readonly<Record<string, string | undefined>>): string {
  const attributes = environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '';
  const named = /(?:^|,)\s*service\.version=([^,]*)/.exec(attributes)?.[1]?.trim();
  return (named ?? environment['npm_package_version'] ?? '').slice(0, 100);
}
