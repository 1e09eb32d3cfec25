import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import type { PartitionKey } from '../slice/fence-sql.ts';
import type { NewParked } from './parked-row.ts';

const heldSql = `select key from converge.parked_key where consumer = $1 and topic = $2`;

/**
 * Reads the parked keys of a topic, from all partitions, since a partition count may have changed. Read AFTER the
 * partition's row: a slice that parks a key moves `next_offset`, so a set that is older than the fence is detected.
 */
export async function readHeld(executor: Executor, consumer: string, topic: string): Promise<Set<string>> {
  const { rows } = await executor.query<{ key: string }>(heldSql, [consumer, topic]);
  return new Set(rows.map(({ key }) => key));
}

const knownSql = `select id from converge.parked where id = any($1::uuid[])`;

/** Finds the records that have a row already, since a rewind delivered them again. */
export async function knownParked(tx: Executor, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ id: string }>(knownSql, [ids]);
  return new Set(rows.map(({ id }) => id));
}

export interface Append {
  readonly line: string;
  /** The number of events. */
  readonly count: number;
}

// The last but one statement of a slice. It locks the keys' rows until the commit, so that a drain's release waits for it (or it
// waits briefly for the release, and then finds nothing). Primary key look-ups, HOT updates.
const appending = givenRows<Append>(
  { key: ['text', ({ line }) => line], count: ['bigint', ({ count }) => count] },
  (given) => `
  update converge.parked_key k set tail = k.tail + a.count from (${given}) as a
   where k.consumer = $3 and k.topic = $4 and k.key = a.key
  returning k.key, k.tail`,
);

/** Extends lines. Returns line → new tail; a missing line was released meanwhile, so nothing may be queued in it. */
export async function extendLines(
  tx: Executor,
  { consumer, topic }: Pick<PartitionKey, 'consumer' | 'topic'>,
  appends: readonly Append[],
): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await tx.query<{ key: string; tail: string }>(...appending(appends, consumer, topic));
  return new Map(rows.map(({ key, tail }) => [key, BigInt(tail)]));
}

/** The rows of a line that have their bytes, and those bytes. */
export interface LineSize {
  readonly rows: number;
  readonly bytes: number;
}

// The scan of the partial index parked_whole reads as many entries of a line as may be kept.
const sizesSql = `
  select l.key, s.rows, s.bytes
    from unnest($3::text[]) as l(key) cross join lateral (
      select count(*)::float8 as rows,
             coalesce(sum(coalesce(octet_length(p.payload), 0) + octet_length(p.headers)), 0)::float8 as bytes
        from (select payload, headers from converge.parked
               where consumer = $1 and topic = $2 and line = l.key and line is not null and not in_log limit $4) p) s`;

/** Reads the size of each line, up to `most` rows. */
export async function readSizes(
  tx: Executor,
  { consumer, topic }: Pick<PartitionKey, 'consumer' | 'topic'>,
  lines: readonly string[],
  most: number,
): Promise<ReadonlyMap<string, LineSize>> {
  const values = [consumer, topic, lines, most];
  const { rows } = await tx.query<LineSize & { readonly key: string }>(sizesSql, values);
  return new Map(rows.map(({ key, ...size }) => [key, size]));
}

export interface NewLine extends Append {
  readonly state: 'waiting' | 'dead';
  /** The time until the line's first event is retried, in milliseconds. */
  readonly waitMs: number;
}

const opening = givenRows<NewLine>(
  {
    key: ['text', ({ line }) => line],
    tail: ['bigint', ({ count }) => count],
    state: ['text', ({ state }) => state],
    wait_ms: ['float8', ({ waitMs }) => waitMs],
  },
  (given) => `
  insert into converge.parked_key (consumer, topic, partition, key, tail, state, next_at)
  select $5, $6, $7, n.key, n.tail, n.state, clock_timestamp() + n.wait_ms * interval '1 millisecond'
    from (${given}) as n
  on conflict (consumer, topic, key) do nothing
  returning key`,
);

/** Opens lines. Returns the opened lines; a missing line is parked already. */
export async function openLines(
  tx: Executor,
  at: PartitionKey,
  lines: readonly NewLine[],
): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ key: string }>(...opening(lines, at.consumer, at.topic, at.partition));
  return new Set(rows.map(({ key }) => key));
}

/** Rows of one statement, which has at most 65,535 parameters. */
const ROWS = 1_000;

/** The columns of a field. How long an event is tried, and how many are given up in an hour, is counted by the database's clock. */
const columnsOf = (field: keyof NewParked): string => (field === 'tried_ms' ? 'first_at, last_at' : field);
const valuesOf = (field: keyof NewParked, parameter: string): string =>
  field === 'tried_ms'
    ? `clock_timestamp() - ${parameter}::float8 * interval '1 millisecond', case when ${parameter}::float8 is not null then clock_timestamp() end`
    : parameter;

export async function insertParked(tx: Executor, rows: readonly NewParked[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS) {
    const some = rows.slice(at, at + ROWS);
    const fields = Object.keys(some[0] ?? {}) as (keyof NewParked)[];
    const values = some.map((_, row) => {
      const each = fields.map((field, place) => valuesOf(field, `$${row * fields.length + place + 1}`));
      return `(${each.join(', ')})`;
    });
    await tx.query(
      `insert into converge.parked (${fields.map(columnsOf).join(', ')}) values ${values.join(', ')}`,
      some.flatMap((row) => fields.map((field) => row[field])),
    );
  }
}
