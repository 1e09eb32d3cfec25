import type { Executor } from '@convergekit/postgres';
import type { NewParked } from './parked-row.ts';

const heldSql = `select key from converge.parked_key where consumer = $1 and topic = $2`;

/**
 * The parked keys of a topic, whatever partition they were parked in (a partition count may have changed since). Read
 * AFTER the partition's row: whoever parks a key moves `next_offset`, so a set that is older than the fence is found out.
 */
export async function readHeld(executor: Executor, consumer: string, topic: string): Promise<Set<string>> {
  const { rows } = await executor.query<{ key: string }>(heldSql, [consumer, topic]);
  return new Set(rows.map(({ key }) => key));
}

const knownSql = `select id from converge.parked where id = any($1::uuid[])`;

/** Which of these records have their row already: a rewind brought them again. */
export async function knownParked(tx: Executor, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ id: string }>(knownSql, [ids]);
  return new Set(rows.map(({ id }) => id));
}

export interface Append {
  readonly line: string;
  /** How many events. */
  readonly count: number;
}

// The last but one statement of a slice: it locks the keys' rows until the commit, and a drain's release waits for it
// (or it waits for the release, a moment, and then finds nothing). Primary key look-ups, HOT updates.
const appendSql = `
  update converge.parked_key k set tail = k.tail + a.count
    from unnest($3::text[], $4::bigint[]) as a(key, count)
   where k.consumer = $1 and k.topic = $2 and k.key = a.key
  returning k.key, k.tail`;

/** Line → its new tail. A line that is missing in the answer was released meanwhile: nothing may stand behind it. */
export async function extendLines(
  tx: Executor,
  { consumer, topic }: { readonly consumer: string; readonly topic: string },
  appends: readonly Append[],
): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await tx.query<{ key: string; tail: string }>(appendSql, [
    consumer,
    topic,
    appends.map(({ line }) => line),
    appends.map(({ count }) => count),
  ]);
  return new Map(rows.map(({ key, tail }) => [key, BigInt(tail)]));
}

/** What a line has here: rows with their bytes. */
export interface LineSize {
  readonly rows: number;
  readonly bytes: number;
}

// By the partial index parked_whole, as many entries of a line as may be kept.
const sizesSql = `
  select l.key, s.rows, s.bytes
    from unnest($3::text[]) as l(key) cross join lateral (
      select count(*) as rows,
             coalesce(sum(coalesce(octet_length(p.payload), 0) + octet_length(p.headers)), 0) as bytes
        from (select payload, headers from converge.parked
               where consumer = $1 and topic = $2 and line = l.key and line is not null and not in_log limit $4) p) s`;

/** Line → what it has here, up to `most` rows. */
export async function readSizes(
  tx: Executor,
  { consumer, topic }: { readonly consumer: string; readonly topic: string },
  lines: readonly string[],
  most: number,
): Promise<ReadonlyMap<string, LineSize>> {
  const { rows } = await tx.query<{ key: string; rows: string; bytes: string }>(sizesSql, [
    consumer,
    topic,
    lines,
    most,
  ]);
  return new Map(
    rows.map(({ key, ...size }) => [key, { rows: Number(size.rows), bytes: Number(size.bytes) }]),
  );
}

export interface NewLine extends Append {
  readonly state: 'waiting' | 'dead';
  /** Milliseconds until its head is tried. */
  readonly waitMs: number;
}

const openSql = `
  insert into converge.parked_key (consumer, topic, partition, key, tail, state, next_at)
  select $1, $2, $3, n.key, n.tail, n.state, clock_timestamp() + n.wait_ms * interval '1 millisecond'
    from unnest($4::text[], $5::bigint[], $6::text[], $7::float8[]) as n(key, tail, state, wait_ms)
  on conflict (consumer, topic, key) do nothing
  returning key`;

/** The lines that were opened. One that is missing in the answer is parked already. */
export async function openLines(
  tx: Executor,
  at: { readonly consumer: string; readonly topic: string; readonly partition: number },
  lines: readonly NewLine[],
): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ key: string }>(openSql, [
    at.consumer,
    at.topic,
    at.partition,
    lines.map(({ line }) => line),
    lines.map(({ count }) => count),
    lines.map(({ state }) => state),
    lines.map(({ waitMs }) => waitMs),
  ]);
  return new Set(rows.map(({ key }) => key));
}

const columns = [
  'id',
  'consumer',
  'topic',
  'topic_id',
  'line',
  'seq',
  'state',
  'handler',
  'partition',
  'record_offset',
  'timestamp_ms',
  'position',
  'event_id',
  'type',
  'version',
  'source',
  'key',
  'record_key',
  'headers',
  'payload',
  'category',
  'certainty',
  'code',
  'reason',
  'structural',
  'attempts',
  'first_at',
  'last_at',
  'failure_event',
  'closed',
  'in_log',
] as const satisfies readonly (keyof NewParked)[];

// By the partial index parked_ended, so many at a time; members do it side by side and pass over each other's.
const forgetSql = `
  delete from converge.parked where id in (
    select id from converge.parked where state in ('rejected', 'skipped', 'superseded')
       and changed_at < clock_timestamp() - $1::bigint * interval '1 millisecond'
     order by changed_at limit $2 for update skip locked)`;

/** Removes events that have been on record for longer, `most` at a time; gives how many they were. */
export async function forgetEnded(executor: Executor, keepMs: number, most: number): Promise<number> {
  return (await executor.query(forgetSql, [keepMs, most])).rowCount;
}

/** What a column says of an event that was not tried yet. */
const blank: Partial<Record<keyof NewParked, unknown>> = { structural: false, attempts: '[]', in_log: false };

/** Parameters of one statement are 65,535 at most. */
const ROWS = 1_000;

export async function insertParked(tx: Executor, rows: readonly NewParked[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS) {
    const some = rows.slice(at, at + ROWS);
    const values = some.map(
      (_, row) => `(${columns.map((_name, column) => `$${row * columns.length + column + 1}`).join(', ')})`,
    );
    await tx.query(
      `insert into converge.parked (${columns.join(', ')}) values ${values.join(', ')}`,
      some.flatMap((row) => columns.map((name) => row[name] ?? blank[name] ?? null)),
    );
  }
}
