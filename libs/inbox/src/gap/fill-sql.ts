import type { Position } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { type GivenColumns, givenRows } from '@convergekit/postgres/engine';
import type { Gap } from './gap.ts';
import type { IncomingRecord } from '@convergekit/broker/engine';
import type { FillReading } from './plan-fill.ts';
import { readRecord } from '../plan/reading.ts';
import type { PartitionKey } from '../slice/fence-sql.ts';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { Step } from '../plan/plan.ts';
import { insertGap, moveFilled, positionCells, positionColumns, positionOf } from './gap-sql.ts';

/** A missing event, in the form that the log would have. */
export interface FillEvent {
  readonly position: Position;
  readonly key: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: string;
  readonly timestampMs: number;
}

const eventColumns: GivenColumns<FillEvent> = {
  ...positionColumns,
  key: ['text', ({ key }) => key],
  headers: ['text', ({ headers }) => JSON.stringify(headers)],
  payload: ['text', ({ payload }) => payload],
  timestamp_ms: ['bigint', ({ timestampMs }) => timestampMs],
};

// Checks that the gap is still the one that was read. FOR SHARE on the fence row, or on the passed gap: an owner that
// moved meanwhile is detected and one that moves now waits.
const haltedSql = `
    select from converge.inbox_partition
     where consumer = $8 and topic = $9 and partition = $10 and next_offset = $12::bigint
       and state = 'halted' and halted_code = 'gap' for share`;
const passedSql = `
    select from converge.inbox_gap
     where consumer = $8 and topic = $9 and partition = $10 and gap = $12::bigint
       and (coalesce(filled_epoch, after_epoch), coalesce(filled_tick, after_tick), coalesce(filled_id, after_id))
         = ($13::int, $14::bigint, $15::bigint) for share`;

const insertion = (here: string) =>
  givenRows(
    eventColumns,
    (given) => `
  with here as (${here}
  )
  insert into converge.inbox_fill (consumer, topic, partition, source, epoch, tick, id, key, headers, payload, timestamp_ms)
  select $8, $9, $10, $11::uuid, e.epoch, e.tick, e.id, e.key, e.headers, e.payload, e.timestamp_ms from here, (${given}) as e
  on conflict do nothing`,
  );

const insertions = { halted: insertion(haltedSql), passed: insertion(passedSql) } as const;

/** Stores events for the partition's owner, in the caller's transaction. Returns how many are new. */
export async function putFill(tx: Executor, gap: Gap, events: readonly FillEvent[]): Promise<number> {
  const { at, after } = gap;
  const statement = insertions[at.kind](
    events,
    ...[gap.consumer, gap.topic, gap.partition, gap.source.id],
    ...(at.kind === 'halted' ? [`${at.nextOffset}`] : [at.gap, ...positionCells(after)]),
  );
  return (await tx.query(...statement)).rowCount;
}

const readSql = `
  select source, epoch, tick, id, key, headers, payload, timestamp_ms
    from converge.inbox_fill where consumer = $1 and topic = $2 and partition = $3
   order by source, epoch, tick, id limit $4`;

interface Row {
  readonly source: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
  readonly key: string;
  readonly headers: string;
  readonly payload: string;
  readonly timestamp_ms: string;
}

/** Reads the first filled events of a partition, by primary key, as records of the log. */
export async function readFill(
  executor: Executor,
  key: PartitionKey,
  limit: number,
): Promise<readonly FillReading[]> {
  const { rows } = await executor.query<Row>(readSql, [key.consumer, key.topic, key.partition, limit]);
  return rows.map((row) => ({
    source: row.source,
    position: positionOf(row.epoch, row.tick, row.id),
    reading: readRecord(recordOf(key, row)),
  }));
}

function recordOf({ topic, partition }: PartitionKey, row: Row): IncomingRecord {
  const headers = JSON.parse(row.headers) as readonly (readonly [string, string])[];
  return {
    topic,
    partition,
    // The event has no offset in the log: a unique negative offset replaces it.
    offset: -BigInt(row.id),
    timestampMs: Number(row.timestamp_ms),
    key: Buffer.from(row.key),
    value: Buffer.from(row.payload),
    headers: headers.map(([name, value]) => [name, Buffer.from(value)] as const),
  };
}

const taking = givenRows<Omit<FillReading, 'reading'>>(
  { source: ['uuid', ({ source }) => source], ...positionColumns },
  (given) => `
  delete from converge.inbox_fill f using (${given}) as t
   where f.consumer = $5 and f.topic = $6 and f.partition = $7
     and f.source = t.source and f.epoch = t.epoch and f.tick = t.tick and f.id = t.id`,
);

/** Takes a slice's filled events, before their handlers run. False: another owner did, or an operator filled again. */
export async function takeFilled<DB>(
  tx: Executor,
  key: PartitionKey,
  steps: readonly Step<DB>[],
): Promise<boolean> {
  const fills = steps.flatMap(({ fill }) => (fill === undefined ? [] : [fill]));
  if (fills.length === 0) return true;
  const { rowCount } = await tx.query(...taking(fills, key.consumer, key.topic, key.partition));
  if (rowCount !== fills.length) return false;
  const gaps = Map.groupBy(fills, ({ gap }) => gap);
  for (const [gap, events] of gaps) {
    const last = events.at(-1);
    if (gap !== undefined && last !== undefined) await moveFilled(tx, gap, last.position);
  }
  return true;
}

/** Records the gaps that a slice passes, for a later fill or reconciliation. */
export async function recordPassed<DB>(
  tx: Executor,
  { onGap }: ConsumerDefinition<DB>,
  key: PartitionKey,
  steps: readonly Step<DB>[],
): Promise<void> {
  for (const { record, mark, passed } of steps)
    if (passed !== undefined && mark !== undefined)
      await insertGap(
        tx,
        key,
        { source: mark.source, recordOffset: record.offset, ...passed },
        onGap === 'continue' ? 'policy' : 'operator',
      );
}
