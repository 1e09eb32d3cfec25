import type { Executor } from '@convergekit/postgres';
import type { ParkedTotals, ParkingPolicy } from './parking.ts';

// Reads as many index entries and rows as the consumer has parked: at most its cap.
const totalsSql = `
  select (select count(*) from converge.parked_key where consumer = $1)::float8 as keys,
         (count(*) filter (where not in_log))::float8 as rows, (count(*) filter (where in_log))::float8 as "inLog",
         coalesce(sum(coalesce(octet_length(payload), 0) + octet_length(headers) + coalesce(octet_length(record_key), 0))
           filter (where not in_log), 0)::float8 as bytes,
         (count(*) filter (where state = 'waiting'))::float8 as waiting,
         (select count(*) from converge.parked where consumer = $1 and state = 'dead')::float8 as dead,
         coalesce(extract(epoch from clock_timestamp() - min(parked_at)) * 1000, 0)::float8 as "oldestMs"
    from converge.parked where consumer = $1 and line is not null`;

export async function readTotals(executor: Executor, consumer: string): Promise<ParkedTotals> {
  const [row] = (await executor.query<ParkedTotals>(totalsSql, [consumer])).rows;
  if (row === undefined) throw new TypeError('a count that returns no row');
  return row;
}

// The look-ups use the partial index parked_unreadable: newest first up to the border, then oldest first. The newest
// row stays at any size. Members run the statement concurrently and skip each other's rows.
const closeSql = `
  with kept as (
    select parked_at, record_offset, id, row_number() over newest as rows,
           sum(coalesce(octet_length(payload), 0) + octet_length(headers) + coalesce(octet_length(record_key), 0)) over newest as bytes
      from converge.parked
     where consumer = $1 and state = 'dead' and line is null and (event_id is null or code = 'FAILURE_SOURCE')
    window newest as (order by parked_at desc, record_offset desc, id desc)),
  border as materialized (
    select parked_at, record_offset, id from kept where rows > $2 or (rows > 1 and bytes > $3) order by parked_at desc, record_offset desc, id desc limit 1),
  old as (
    select p.id from converge.parked p, border b
     where p.consumer = $1 and p.state = 'dead' and p.line is null and (p.event_id is null or p.code = 'FAILURE_SOURCE')
       and (p.parked_at, p.record_offset, p.id) <= (b.parked_at, b.record_offset, b.id)
     order by p.parked_at, p.record_offset, p.id limit $4 for update of p skip locked)
  update converge.parked p
     set state = 'skipped', changed_at = clock_timestamp(), payload = null, headers = '[]', record_key = null, edited = null,
         attempts = '[]', note = 'more unreadable records than are kept',
         closed = format('its bytes were dropped, since a newer flood of unreadable records filled its place (payload: %s bytes, sha256 %s; headers as JSON: %s bytes, sha256 %s); the record is at offset %s of %s/%s',
           coalesce(octet_length(p.payload), 0), encode(sha256(coalesce(p.payload, '')), 'hex'), octet_length(p.headers),
           encode(sha256(convert_to(p.headers, 'UTF8')), 'hex'), p.record_offset, p.topic, p.partition)
    from old where p.id = old.id
  returning p.topic`;

/** Rows of one statement, so that a long backlog holds no locks for long. */
const RANGE = 1_000;

/**
 * Closes the oldest unreadable records beyond the cap as skipped, without their bytes. Returns how many of each topic. The
 * rows stay until retention removes them, so that a rewind makes no second dead letter.
 */
export async function closeUnreadable(
  executor: Executor,
  consumer: string,
  { maxRows, maxBytes }: Pick<ParkingPolicy, 'maxRows' | 'maxBytes'>,
): Promise<ReadonlyMap<string, number>> {
  const closed = new Map<string, number>();
  for (;;) {
    const { rows } = await executor.query<{ topic: string }>(closeSql, [consumer, maxRows, maxBytes, RANGE]);
    for (const { topic } of rows) closed.set(topic, (closed.get(topic) ?? 0) + 1);
    if (rows.length < RANGE) return closed;
  }
}
