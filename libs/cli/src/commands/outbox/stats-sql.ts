import type { Executor } from '@convergekit/postgres';

export interface OutboxPulse {
  readonly doneTick: string;
  readonly latestTick: string;
  readonly ticks: number;
  /** Ids handed out in the last minute; rolled back ones among them. */
  readonly perMinute: number;
  readonly held: readonly { readonly topic: string; readonly heldAt: number; readonly reason: string }[];
}

// The ends of the ticks' primary key, one look at the ticks of a minute, and the few topics.
const pulseSql = `
  select s.done_tick::text as "doneTick", (select max(number)::text from converge.tick) as "latestTick",
         (select (max(number) - min(number) + 1)::float8 from converge.tick) as ticks,
         ((select last_value from converge.outbox_id) -
           coalesce((select ceil from converge.tick where created_at <= clock_timestamp() - interval '1 minute'
                      order by number desc limit 1), 0))::float8 as "perMinute",
         coalesce((select json_agg(json_build_object('topic', topic, 'heldAt', held_at, 'reason', held_reason) order by topic)
                     from converge.relay_topic where held_at is not null), '[]') as held
    from converge.relay_source s`;

export async function readPulse(executor: Executor): Promise<OutboxPulse> {
  const { rows } = await executor.query<OutboxPulse>(pulseSql);
  const [row] = rows;
  if (row === undefined) throw new Error('converge.relay_source is empty: run `converge migrate`');
  return row;
}
