import type { Clock } from '@convergekit/core';
import { write } from './transactions.ts';
import type { Source } from './world.ts';

/** The time within which everything must flow again after a repaired fault, in milliseconds. */
export const LIVENESS_MS = 60_000;

export class NotLive extends Error {}

/** The state of a source's relay, read by SQL. */
export interface Standing {
  readonly doneTick: number;
  readonly held: readonly string[];
  readonly term: number;
  readonly holder: string;
}

export async function standing({ database }: Source): Promise<Standing> {
  const { rows } = await database.executor.query<{
    done: string;
    held: string[];
    term: string | null;
    holder: string | null;
  }>(
    `select (select done_tick::text from converge.relay_source) as done,
            array(select topic || ' (' || held_reason || ')' from converge.relay_topic where held_at is not null) as held,
            l.term::text, l.holder
       from (select 1) one left join converge.lease l on l.expires_at > clock_timestamp()`,
  );
  const row = rows[0];
  return {
    doneTick: Number(row?.done),
    held: row?.held ?? [],
    term: Number(row?.term ?? 0),
    holder: row?.holder ?? 'no relay',
  };
}

/**
 * Writes an event to each topic and resolves when all earlier commits are published and acknowledged, and no topic is
 * held. Returns the duration in milliseconds. Rejects with the reason of the delay.
 */
export async function untilLive(source: Source, clock: Clock, signal: AbortSignal): Promise<number> {
  const began = clock.monotonic();
  let xid: string | undefined;
  let last: string;
  while (!signal.aborted) {
    try {
      xid ??= await write(
        source.database.executor,
        [source.mainTopic, source.sideTopic].map((topic) => ({ topic, key: 'cold1', size: 20 })),
      );
      const waiting = await waitsFor(source, xid);
      if (waiting === undefined) return clock.monotonic() - began;
      last = waiting;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (clock.monotonic() - began > LIVENESS_MS)
      throw new NotLive(
        `${source.name} was not live again ${LIVENESS_MS / 1_000} s after the repair: ${last}; ${await described(source)}`,
      );
    await clock.sleep(100, signal);
  }
  return clock.monotonic() - began;
}

async function waitsFor({ database }: Source, xid: string): Promise<string | undefined> {
  const { rows } = await database.executor.query<{ seen: boolean; held: number }>(
    `select exists (select from converge.tick t, converge.relay_source s
                     where t.number = s.done_tick and pg_visible_in_snapshot($1::xid8, t.snapshot)) as seen,
            (select count(*)::int from converge.relay_topic where held_at is not null) as held`,
    [xid],
  );
  if (rows[0]?.seen !== true) return 'the last event is not published';
  return rows[0].held > 0 ? 'a topic is held' : undefined;
}

async function described(source: Source): Promise<string> {
  try {
    return JSON.stringify(await standing(source));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
