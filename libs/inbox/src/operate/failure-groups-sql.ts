import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import { conditionsOf, type ParkedFilter } from './parked-filter.ts';

/** Parked events that failed in the same way at the same handler. */
export interface FailureGroup {
  readonly consumer: string;
  readonly handler: string;
  readonly state: ParkedState;
  /** This and the next four are null for events that wait behind another one of their key. */
  readonly category: string | null;
  readonly code: string | null;
  readonly fingerprint: string | null;
  /** The text of the failures, with `#` for what differs between them. */
  readonly shape: string | null;
  /** True when waiting does not resolve the failure: code, schema or settings must change. */
  readonly structural: boolean;
  readonly events: number;
  readonly keys: number;
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

const GROUP = 'consumer, handler, state, category, code, fingerprint';
const NAME = `hashtextextended(concat_ws(' ', ${GROUP}), 0)`;

// Each of the three reads every parked event that matches once, and sums in a hash of a few rows. A count of distinct keys beside the
// others would sort a hundred thousand texts: keys are compared by their hashes of 64 bits.
const groupsSql = (where: string): string => `
  select ${GROUP}, ${NAME}::text as name, bool_or(structural) as structural, count(*)::int as events, min(parked_at) as first,
         max(parked_at) as last,
         regexp_replace(left(min(reason collate "C"), 300), '"[^"]*"|[[:alnum:]_-]*[0-9][[:alnum:]_-]*', '#', 'g') as shape
    from converge.parked where ${where} group by ${GROUP}`;
const keysSql = (where: string): string => `
  select name::text, count(*)::int as keys
    from (select distinct ${NAME} as name, hashtextextended(key, 0) as key from converge.parked where ${where}) p group by name`;
const partsSql = (where: string, at: number): string => `
  select ${NAME}::text as name, count(*)::int as events,
         greatest(1, least($${at + 2}::int, width_bucket(date_part('epoch', parked_at), date_part('epoch', $${at}::timestamptz),
           date_part('epoch', $${at + 1}::timestamptz), $${at + 2}::int))) as bucket
    from converge.parked where ${where} group by ${GROUP}, bucket`;

interface Named {
  /** A hash of the group's columns. */
  readonly name: string;
}

/** Groups parked events by handler, state and failure: the group with the most events first. */
export async function groupFailures(
  executor: Executor,
  filter: ParkedFilter,
  { from, to, buckets }: Span,
): Promise<readonly FailureGroup[]> {
  const { where, values } = conditionsOf(filter);
  const span = [from.toISOString(), to.toISOString(), buckets];
  const [groups, keys, parts] = await Promise.all([
    executor.query<Omit<FailureGroup, 'counts' | 'keys'> & Named>(groupsSql(where), values),
    executor.query<Pick<FailureGroup, 'keys'> & Named>(keysSql(where), values),
    executor.query<Part>(partsSql(where, values.length + 1), [...values, ...span]),
  ]);
  const keysOf = new Map(keys.rows.map((row) => [row.name, row.keys]));
  const partsOf = Map.groupBy(parts.rows, ({ name }) => name);
  return groups.rows
    .map(({ name, ...group }) => ({
      ...group,
      keys: keysOf.get(name) ?? 0,
      counts: countsOf(partsOf.get(name), buckets),
    }))
    .toSorted((a, b) => b.events - a.events);
}

interface Part extends Named {
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
export type KeyCursor = Pick<FailedKey, 'consumer' | 'topic' | 'key'>;

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
