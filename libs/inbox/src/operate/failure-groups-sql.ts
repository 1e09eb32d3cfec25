import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { ParkedState } from '../park/parked-row.ts';
import { conditionsOf, type ParkedFilter } from './parked-filter.ts';

/** Parked events that failed in the same way. */
interface Group {
  readonly consumer: string;
  readonly state: ParkedState;
  /** Null: not attempted yet, queued behind another event of their key. */
  readonly category: string | null;
  readonly code: string | null;
  /** True when waiting does not resolve the failure: code, schema or settings must change. */
  readonly structural: boolean;
  readonly events: number;
  readonly keys: number;
}

/** Parked events with the same failure. */
export interface ParkedGroup extends Group {
  readonly topic: string;
  /** The events that are in the line of their key: what comes after them waits. */
  readonly holding: number;
  readonly oldest: Date;
  /** The reason of one of the events. */
  readonly reason: string | null;
}

/** Parked events that failed in the same way at the same handler. */
interface FailureGroup extends Group {
  readonly handler: string;
  /** Null like `category`. */
  readonly fingerprint: string | null;
  /** The text of the failures, with `#` for what differs between them; null like `category`. */
  readonly shape: string | null;
  readonly first: Date;
  readonly last: Date;
  /** Events by the time at which they were parked, in `buckets` equal parts of `span`. */
  readonly counts: readonly number[];
}

/** The span of time that sparklines show. Events outside it count in the first or the last part. */
export interface Span {
  readonly from: Date;
  readonly to: Date;
  readonly buckets: number;
}

const nameOf = (by: string): string => `hashtextextended(concat_ws(' ', ${by}), 0)`;

/**
 * Sums the matching events by columns: each is read twice. A count of distinct keys beside the other sums would sort a hundred
 * thousand texts: keys are compared by their hashes of 64 bits.
 */
function groupsSql(where: string, by: string, sums: Readonly<Record<string, string>>): string {
  const made = Object.entries(sums).map(([as, sum]) => `${sum} as ${as}`);
  return `
  with summed as (
    select ${by}, ${nameOf(by)} as name, count(*)::int as events, ${made.join(', ')}
      from converge.parked where ${where} group by ${by}),
  named as (
    select name, count(*)::int as keys
      from (select distinct ${nameOf(by)} as name, hashtextextended(key, 0) as key from converge.parked where ${where}) p
     group by name)
  select ${by}, events, keys, ${Object.keys(sums).join(', ')} from summed join named using (name)`;
}

const BY_CODE = 'consumer, topic, state, category, code, structural';
const codeSums = {
  holding: 'count(seq)::int',
  oldest: 'min(parked_at)',
  reason: 'min(reason collate "C")',
};

/** Groups parked events by topic, state and failure: in each topic the group with the most events first. */
export async function groupParked(executor: Executor, filter: ParkedFilter): Promise<readonly ParkedGroup[]> {
  const { where, values } = conditionsOf(filter);
  const sql = `${groupsSql(where, BY_CODE, codeSums)} order by consumer, topic, events desc`;
  return (await executor.query<ParkedGroup>(sql, values)).rows;
}

const BY_SHAPE = 'consumer, handler, state, category, code, fingerprint';
const shapeSums = {
  id: `${nameOf(BY_SHAPE)}::text`,
  structural: 'bool_or(structural)',
  first: 'min(parked_at)',
  last: 'max(parked_at)',
  shape: `regexp_replace(left(min(reason collate "C"), 300), '"[^"]*"|[[:alnum:]_-]*[0-9][[:alnum:]_-]*', '#', 'g')`,
};
const partsSql = (where: string, at: number): string => `
  select ${nameOf(BY_SHAPE)}::text as id, count(*)::int as events,
         greatest(1, least($${at + 2}::int, width_bucket(date_part('epoch', parked_at), date_part('epoch', $${at}::timestamptz),
           date_part('epoch', $${at + 1}::timestamptz), $${at + 2}::int))) as bucket
    from converge.parked where ${where} group by ${BY_SHAPE}, bucket`;

/** Groups parked events by handler, state and failure: the group with the most events first. */
export async function groupFailures(
  executor: Executor,
  filter: ParkedFilter,
  { from, to, buckets }: Span,
): Promise<readonly FailureGroup[]> {
  const { where, values } = conditionsOf(filter);
  const span = [from.toISOString(), to.toISOString(), buckets];
  const [groups, parts] = await Promise.all([
    executor.query<Omit<FailureGroup, 'counts'> & { readonly id: string }>(
      `${groupsSql(where, BY_SHAPE, shapeSums)} order by events desc`,
      values,
    ),
    executor.query<Part>(partsSql(where, values.length + 1), [...values, ...span]),
  ]);
  const partsOf = Map.groupBy(parts.rows, ({ id }) => id);
  return groups.rows.map(({ id, ...group }) => ({ ...group, counts: countsOf(partsOf.get(id), buckets) }));
}

interface Part {
  /** A hash of the group's columns. */
  readonly id: string;
  readonly bucket: number;
  readonly events: number;
}

function countsOf(parts: readonly Part[] | undefined, buckets: number): readonly number[] {
  const counts = Array.from({ length: buckets }, () => 0);
  for (const { bucket, events } of parts ?? []) counts[bucket - 1] = events;
  return counts;
}

/** The parked events of one key. */
export interface FailedKey {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  readonly events: number;
  readonly first: Date;
  readonly last: Date;
}

/** The place in the listing of keys from which the next page begins. */
type KeyCursor = Pick<FailedKey, 'consumer' | 'topic' | 'key'>;

// By bytes, so that pages of several databases have one order. Sorted as columns: a row of them is compared more slowly.
const ORDER = 'consumer collate "C", topic collate "C", key collate "C"';

/** Lists a page of the keys of matching events, in the order of their names. */
export async function pageFailedKeys(
  executor: Executor,
  filter: ParkedFilter,
  { after, limit }: { readonly after?: KeyCursor | undefined; readonly limit: number },
): Promise<readonly FailedKey[]> {
  const { where, values } = conditionsOf(filter);
  const [place, more] = [values.length, after === undefined ? [] : [after.consumer, after.topic, after.key]];
  const beyond = after === undefined ? '' : `and (${ORDER}) > ($${place + 1}, $${place + 2}, $${place + 3})`;
  const { rows } = await executor.query<FailedKey>(
    `select consumer, topic, key, count(*)::int as events, min(parked_at) as first, max(parked_at) as last
       from converge.parked where ${where} ${beyond}
      group by consumer, topic, key order by ${ORDER} limit $${place + more.length + 1}`,
    [...values, ...more, limit],
  );
  return rows;
}

// A range of the index on started_at for each span: a group of all rows would be sorted on disk. Only events that failed once have rows.
const countSql = `
  select (select count(*)::int from converge.inbox_attempt a
           where a.started_at >= $1::timestamptz + span * s.length and a.started_at < $1::timestamptz + (span + 1) * s.length
             and a.outcome <> 'applied') as failed
    from (select $2::float8 * interval '1 millisecond' as length) s, generate_series(0, $3::int - 1) as span order by span`;

/** Counts failed attempts of this database's handlers, span by span. Empty where it has no consumers. */
export async function countFailedAttempts(
  executor: Executor,
  { from, spanMs, spans }: { readonly from: Date; readonly spanMs: number; readonly spans: number },
): Promise<readonly number[]> {
  if (!(await hasTables(executor, 'converge.inbox_attempt'))) return [];
  const counted = await executor.query<{ failed: number }>(countSql, [from, spanMs, spans]);
  return counted.rows.map(({ failed }) => failed);
}
