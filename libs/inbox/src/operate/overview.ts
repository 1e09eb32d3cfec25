import type { Executor } from '@convergekit/postgres';
import { isPaused } from '../slice/fence-sql.ts';

export interface PartitionOverview {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly halted: { readonly code: string; readonly reason: string; readonly at: Date } | null;
  /** What its owner waits for, as that process noted it last, under the name of its alarm. */
  readonly waits: { readonly code: string; readonly reason: string; readonly since: Date } | null;
  /** True when an operator paused it, or the kit did for faults: its parked events wait, too. */
  readonly paused: boolean;
  /** The newest position of each source. */
  readonly watermarks: readonly {
    readonly source: string;
    readonly position: string;
    /** When the newest handled event was written, milliseconds since the epoch; null = none was handled yet. */
    readonly newestMs: number | null;
  }[];
  readonly parkedKeys: number;
  /** Passed gaps that are not filled. */
  readonly openGaps: number;
}

// The overview for operators takes a few index look-ups per partition, and reads the parked keys once: no index has them by
// partition. The conditions are those of the partial indexes.
const overviewSql = `
  select p.consumer, p.topic, p.partition, p.next_offset::text as next, p.halted_code as code,
         p.halted_reason as reason, p.halted_at as at, ${isPaused} as paused,
         p.wait_code as "waitCode", p.wait_reason as "waitReason", p.wait_since as "waitSince",
         (select coalesce(json_agg(json_build_object('source', coalesce(s.name, w.source::text), 'position', w.at,
                                                     'newestMs', w.newest_ms)
                                   order by s.name, w.source), '[]')
            from (select distinct on (source) source, concat_ws('.', epoch, tick, id) as at, nullif(newest_ms, 0) as newest_ms
                    from converge.inbox_watermark m
                   where m.consumer = p.consumer and m.topic = p.topic and m.partition = p.partition
                   order by source, epoch desc) w
            left join jsonb_each_text(c.sources) as s (source, name) on s.source = w.source::text) as watermarks,
         coalesce(k.keys, 0) as "parkedKeys",
         (select count(*)::int from converge.inbox_gap g
           where g.consumer = p.consumer and g.topic = p.topic and g.partition = p.partition
             and (g.filled_epoch is null
                  or (g.filled_epoch, g.filled_tick, g.filled_id) < (g.up_to_epoch, g.up_to_tick, g.up_to_id))) as "openGaps"
    from converge.inbox_partition p join converge.inbox_consumer c on c.name = p.consumer
    left join (select consumer, topic, partition, count(*)::int as keys from converge.parked_key
                where $1::text is null or consumer = $1 group by consumer, topic, partition) k using (consumer, topic, partition)
   where $1::text is null or p.consumer = $1
   order by p.consumer, p.topic, p.partition`;

type Row = Omit<PartitionOverview, 'nextOffset' | 'halted' | 'waits'> & {
  readonly next: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly at: Date | null;
  readonly waitCode: string | null;
  readonly waitReason: string | null;
  readonly waitSince: Date | null;
};

/** Reads the partitions of one consumer, or of all in this database. */
export async function readOverview(
  executor: Executor,
  consumer: string | undefined,
): Promise<readonly PartitionOverview[]> {
  const { rows } = await executor.query<Row>(overviewSql, [consumer ?? null]);
  return rows.map(({ next, code, reason, at, waitCode, waitReason, waitSince, ...row }) => ({
    ...row,
    nextOffset: BigInt(next),
    halted: code === null || at === null ? null : { code, reason: reason ?? '', at },
    waits:
      waitCode === null || waitSince === null
        ? null
        : { code: waitCode, reason: waitReason ?? '', since: waitSince },
  }));
}
