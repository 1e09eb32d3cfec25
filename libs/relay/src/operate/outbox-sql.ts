import { systemClock } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { rejectMissingRows } from '../leader/check-tables.ts';
import { LEASE } from '../options.ts';
import { survey, type Survey } from '../watch/survey-sql.ts';
import { newestIdSql } from '../window/window-sql.ts';

/** The outbox of a database as operators see it: what waits, and how its relay goes on, whichever process leads. */
export interface OutboxState extends Survey {
  /** The term of the last leader: it rises with every takeover. */
  readonly term: string;
  readonly doneTick: string;
  readonly latestTick: string;
  readonly ticks: number;
  /** Ids handed out in the last minute; rolled back ones among them. */
  readonly perMinute: number;
  /** Ids handed out since the oldest tick that is kept, and its age. */
  readonly sinceOldest: number;
  readonly oldestTickMs: number;
  /** Events that the outbox has, by its lowest and its newest id. */
  readonly kept: number;
  readonly held: readonly { readonly topic: string; readonly heldAt: number; readonly reason: string }[];
}

// The statement reads the ends of the primary keys of ticks and events, the ticks of a minute, and the few topics.
const pulseSql = `
  select s.term::text, s.done_tick::text as "doneTick", (select max(number)::text from converge.tick) as "latestTick",
         (select (max(number) - min(number) + 1)::float8 from converge.tick) as ticks,
         (${newestIdSql} -
           coalesce((select ceil from converge.tick where created_at <= clock_timestamp() - interval '1 minute'
                      order by number desc limit 1), 0))::float8 as "perMinute",
         coalesce((select ${newestIdSql} - t.ceil from converge.tick t
                     order by t.number limit 1), 0)::float8 as "sinceOldest",
         coalesce((select extract(epoch from clock_timestamp() - t.created_at) * 1000 from converge.tick t
                     order by t.number limit 1), 0)::float8 as "oldestTickMs",
         coalesce(${newestIdSql} - (select min(id) from converge.outbox) + 1, 0)::float8 as kept,
         coalesce((select json_agg(json_build_object('topic', topic, 'heldAt', held_at, 'reason', held_reason) order by topic)
                     from converge.relay_topic where held_at is not null), '[]') as held
    from converge.relay_source s`;

/** Reads the state of the outbox, whichever relay leads. Throws when converge is not migrated here. */
export async function readOutbox(
  executor: Executor,
  now: () => number = () => systemClock.now(),
): Promise<OutboxState> {
  const found = await survey(executor, { lease: LEASE, now });
  const { rows } = await executor.query<Omit<OutboxState, keyof Survey>>(pulseSql);
  const [pulse] = rows;
  if (pulse === undefined) return rejectMissingRows(executor);
  return { ...found, ...pulse };
}
