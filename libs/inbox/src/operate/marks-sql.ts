import type { Position } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';

/** How far a consumer has come with one partition of a source. */
export interface ConsumerMark {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  /** The newest event that counts as handled; null = it reads from the log's start, and has read nothing. */
  readonly mark: Position | null;
  /** The code of its halt; null = it runs. */
  readonly halted: string | null;
}

// A few look-ups by primary key for each partition of the consumers here.
const marksSql = `
  select p.consumer, p.topic, p.partition, p.halted_code as halted, w.epoch, w.tick::text, w.id::text
    from converge.inbox_partition p
    left join lateral (
      select m.epoch, m.tick, m.id from converge.inbox_watermark m
       where m.consumer = p.consumer and m.topic = p.topic and m.partition = p.partition and m.source = $1
       order by m.epoch desc limit 1) w on true
   where w.epoch is not null or (p.start_offset = 0 and p.next_offset = 0)
   order by p.consumer, p.topic, p.partition`;

/** Reads how far the consumers of this database are with a source. None where the database has no consumers. */
export async function readMarks(executor: Executor, sourceId: string): Promise<readonly ConsumerMark[]> {
  if (!(await hasTables(executor, 'converge.inbox_watermark'))) return [];
  const { rows } = await executor.query<{
    consumer: string;
    topic: string;
    partition: number;
    halted: string | null;
    epoch: number | null;
    tick: string;
    id: string;
  }>(marksSql, [sourceId]);
  return rows.map(({ epoch, tick, id, ...row }) => ({
    ...row,
    mark: epoch === null ? null : { epoch, tick: BigInt(tick), id: BigInt(id) },
  }));
}

/** A gap that a consumer passed and that is not filled: lost events. */
export interface OpenGap {
  readonly consumer: string;
  readonly gap: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly after: string;
  readonly upTo: string;
}

const gapsSql = `
  select c.name as consumer, g.gap::text as gap, g.topic, g.partition, coalesce(s.name, g.source::text) as source, g.after,
         g.up_to as "upTo"
    from converge.inbox_consumer c cross join lateral converge.inbox_open_gaps(c.name) g
    left join lateral jsonb_each_text(c.sources) as s (source, name) on s.source = g.source::text
   order by c.name, g.gap`;

/** Lists the open gaps of all consumers of this database, by the index of open gaps. */
export async function readOpenGaps(executor: Executor): Promise<readonly OpenGap[]> {
  if (!(await hasTables(executor, 'converge.inbox_watermark'))) return [];
  return (await executor.query<OpenGap>(gapsSql)).rows;
}
