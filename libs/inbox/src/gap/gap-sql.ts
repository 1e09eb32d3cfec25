import { parsePosition, type Position } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import type { GivenColumns } from '@convergekit/postgres/engine';
import type { PartitionKey } from '../slice/fence-sql.ts';

/** A range of missing events that a partition passed. */
export interface PassedGap {
  readonly gap: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  /** The last event that was handled before it, or that filled it; START when there was none. */
  readonly after: Position;
  readonly upTo: Position;
}

export interface NewGap {
  readonly source: string;
  readonly after: Position;
  readonly upTo: Position;
  readonly recordOffset: bigint;
}

const insertSql = `
  insert into converge.inbox_gap (consumer, topic, partition, source, after_epoch, after_tick, after_id,
                                  up_to_epoch, up_to_tick, up_to_id, record_offset, passed_by)
  select $1, $2, $3::int, $4::uuid, $5::int, $6::bigint, $7::bigint, $8::int, $9::bigint, $10::bigint, $11::bigint, $12
   where not exists (
     select from converge.inbox_gap
      where consumer = $1 and topic = $2 and partition = $3::int and source = $4::uuid
        and (up_to_epoch, up_to_tick, up_to_id) = ($8::int, $9::bigint, $10::bigint))`;

/** Records a gap in the transaction that passes it. One that was passed before keeps its row. */
export async function insertGap(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  { source, after, upTo, recordOffset }: NewGap,
  by: 'policy' | 'operator',
): Promise<void> {
  const range = [...positionCells(after), ...positionCells(upTo)];
  await tx.query(insertSql, [consumer, topic, partition, source, ...range, `${recordOffset}`, by]);
}

const passedSql = `
  select from converge.inbox_gap
   where consumer = $1 and topic = $2 and partition = $3 and source = $4
     and (up_to_epoch, up_to_tick, up_to_id) = ($5::int, $6::bigint, $7::bigint)`;

/** True when a partition passed this gap before: that decision also holds for a replay. */
export async function wasPassed(
  executor: Executor,
  { consumer, topic, partition }: PartitionKey,
  source: string,
  upTo: Position,
): Promise<boolean> {
  const place = [consumer, topic, partition, source];
  return (await executor.query(passedSql, [...place, ...positionCells(upTo)])).rowCount > 0;
}

const openSql = `
  select gap::text, topic, partition, source, after, up_to as "upTo" from converge.inbox_open_gaps($1)`;

interface Row extends Omit<PassedGap, 'after' | 'upTo'> {
  readonly after: string;
  readonly upTo: string;
}

/** Reads the passed gaps of a consumer that are not filled to their end, oldest first. */
export async function readPassedGaps(executor: Executor, consumer: string): Promise<readonly PassedGap[]> {
  const { rows } = await executor.query<Row>(openSql, [consumer]);
  return rows.map(({ after, upTo, ...gap }) => ({
    ...gap,
    after: parsePosition(after),
    upTo: parsePosition(upTo),
  }));
}

const filledSql = `
  update converge.inbox_gap set filled_epoch = $2, filled_tick = $3, filled_id = $4 where gap = $1::bigint`;

/** Moves how far a gap is filled. The caller holds the fence of its partition. */
export async function moveFilled(tx: Executor, gap: string, to: Position): Promise<void> {
  await tx.query(filledSql, [gap, ...positionCells(to)]);
}

/** The columns of positions that a statement is given. */
export const positionColumns: GivenColumns<{ readonly position: Position }> = {
  epoch: ['int', ({ position }) => position.epoch],
  tick: ['bigint', ({ position }) => `${position.tick}`],
  id: ['bigint', ({ position }) => `${position.id}`],
};

export function positionCells({ epoch, tick, id }: Position): readonly [number, string, string] {
  return [epoch, `${tick}`, `${id}`];
}

export function positionOf(epoch: number, tick: string, id: string): Position {
  return { epoch, tick: BigInt(tick), id: BigInt(id) };
}
