import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { positionOf } from '../gap/gap-sql.ts';
import type { LastEvent, Seen, Watermark } from '../plan/judge.ts';
import { type Place, placeColumns } from '../slice/fence-sql.ts';

const reading = givenRows(
  placeColumns,
  (given) => `
  select concat_ws('/', topic, partition) as place, source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id,
         newest_ms, unknown_until
    from converge.inbox_watermark
   where consumer = $3 and (topic, partition) in (select topic, partition from (${given}) as g)`,
);

interface Row {
  readonly place: string;
  readonly source: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
  readonly seen_offset: string | null;
  readonly seen_event: string | null;
  readonly prev_epoch: number | null;
  readonly prev_tick: string | null;
  readonly prev_id: string | null;
  readonly newest_ms: string | null;
  readonly unknown_until: string | null;
}

/** Reads the watermarks of partitions: `topic/partition` → source → watermark by epoch. */
export async function readWatermarks(
  executor: Executor,
  consumer: string,
  partitions: readonly Place[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Seen>>> {
  const { rows } = await executor.query<Row>(...reading(partitions, consumer));
  const all = new Map<string, Map<string, Map<number, Watermark>>>();
  for (const [place, ofPlace] of Map.groupBy(rows, (row) => row.place)) {
    const sources = Map.groupBy(ofPlace, ({ source }) => source);
    all.set(place, new Map([...sources].map(([source, found]) => [source, new Map(found.map(watermarkAt))])));
  }
  return all;
}

function watermarkAt(row: Row): [epoch: number, Watermark] {
  const { epoch, tick, id } = row;
  return [epoch, { ...positionOf(epoch, tick, id), last: lastOf(row) }];
}

function lastOf(row: Row): LastEvent | undefined {
  const { prev_epoch: epoch, prev_tick: tick, prev_id: id } = row;
  if (row.seen_offset === null) return undefined;
  return {
    offset: BigInt(row.seen_offset),
    id: row.seen_event ?? undefined,
    prev: epoch === null || tick === null || id === null ? undefined : positionOf(epoch, tick, id),
    newestMs: Number(row.newest_ms ?? 0),
    unknownUntilMs: Number(row.unknown_until ?? 0),
  };
}
