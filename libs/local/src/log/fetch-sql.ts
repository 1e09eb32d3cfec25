import type { StoreWant } from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';

type Want = Pick<StoreWant, 'topicId' | 'partition' | 'offset' | 'maxBytes'>;

export interface FoundBatch {
  readonly lastOffset: bigint;
  /** The batch as it was written, with base offset 0. */
  readonly bytes: Buffer;
  readonly records: number;
}

/** A partition at one moment; undefined when it does not exist. */
export type Found =
  { readonly start: bigint; readonly end: bigint; readonly batches: readonly FoundBatch[] } | undefined;

// One snapshot for ends and records of all partitions. Each partition is read by the index of its children, from the
// batch that has the offset; `bytes` are fetched from TOAST only for the batches that are returned. The first batch is
// returned whatever its size, as a broker does. The limit is a constant: the planner must know that it is small.
const fetchSql = `
  select w.n::int - 1 as index, p.start_offset, p.next_offset, b.last_offset, b.records, b.bytes
    from unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[]) with ordinality as w (topic_id, partition, at, most, n)
    left join converge_log.partition p on p.topic_id = w.topic_id and p.partition = w.partition
    left join lateral (
      select c.last_offset, c.records, c.bytes
        from (select x.*, sum(octet_length(x.bytes)) over (order by x.last_offset) - octet_length(x.bytes) as before
                from (select b.last_offset, b.records, b.bytes
                        from converge_log.batch b
                       where b.topic_id = w.topic_id and b.partition = w.partition and b.last_offset >= w.at
                         and w.at < p.next_offset and w.at >= p.start_offset
                       order by b.last_offset limit 500) x) c
       where c.before < w.most) b on true
   order by w.n, b.last_offset`;

interface Row {
  readonly index: number;
  readonly start_offset: string | null;
  readonly next_offset: string;
  readonly last_offset: string | null;
  readonly records: number;
  readonly bytes: Buffer;
}

/** Reads the given places. The answers are in the order of the wants. */
export async function fetchBatches(session: LogSession, wants: readonly Want[]): Promise<readonly Found[]> {
  const { rows } = await session.query<Row>('fetching', fetchSql, [
    wants.map(({ topicId }) => topicId),
    wants.map(({ partition }) => partition),
    wants.map(({ offset }) => String(offset)),
    wants.map(({ maxBytes }) => maxBytes),
  ]);
  const byWant = Map.groupBy(rows, ({ index }) => index);
  return wants.map((_, index) => foundIn(byWant.get(index) ?? []));
}

function foundIn(rows: readonly Row[]): Found {
  const [first] = rows;
  if (first === undefined || first.start_offset === null) return undefined;
  return {
    start: BigInt(first.start_offset),
    end: BigInt(first.next_offset),
    batches: rows.flatMap(({ last_offset, records, bytes }) =>
      last_offset === null ? [] : [{ lastOffset: BigInt(last_offset), records, bytes }],
    ),
  };
}
