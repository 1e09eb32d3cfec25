import type { Executor } from '@convergekit/postgres';
import type { ParkedTotals } from './parking.ts';

// As many index entries and rows as the consumer has parked: at most its cap, and nothing when nothing is parked.
const totalsSql = `
  select (select count(*) from converge.parked_key where consumer = $1) as keys, count(*) filter (where not in_log) as rows, count(*) filter (where in_log) as in_log,
         coalesce(sum(coalesce(octet_length(payload), 0) + octet_length(headers) + coalesce(octet_length(record_key), 0))
           filter (where not in_log), 0) as bytes,
         count(*) filter (where state = 'waiting') as waiting,
         (select count(*) from converge.parked where consumer = $1 and state = 'dead') as dead,
         coalesce(extract(epoch from clock_timestamp() - min(parked_at)) * 1000, 0) as oldest_ms
    from converge.parked where consumer = $1 and line is not null`;

export async function readTotals(executor: Executor, consumer: string): Promise<ParkedTotals> {
  const { rows } = await executor.query<
    Record<'keys' | 'rows' | 'bytes' | 'in_log' | 'waiting' | 'dead' | 'oldest_ms', string>
  >(totalsSql, [consumer]);
  const [row] = rows;
  return {
    keys: Number(row?.keys),
    rows: Number(row?.rows),
    bytes: Number(row?.bytes),
    inLog: Number(row?.in_log),
    waiting: Number(row?.waiting),
    dead: Number(row?.dead),
    oldestMs: Number(row?.oldest_ms),
  };
}
