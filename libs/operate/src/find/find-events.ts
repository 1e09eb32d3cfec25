import { searchDigest } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { publishedSql } from '../outbox/events-sql.ts';
import { classify } from './classify.ts';

/** The newest rows of an outbox that are searched by key, id or trace: it has no index for them, since every emit would pay for one. */
export const SEARCHED_ROWS = 100_000;
const MOST = 100;

export interface FoundEvent {
  /** The row of the outbox. */
  readonly row: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly at: Date;
  /** The event that this one repeats, by an operator's act. */
  readonly replayOf: string | null;
  readonly published: boolean;
}

const newest = `o.id > (select coalesce(max(id), 0) from converge.outbox) - ${SEARCHED_ROWS}`;

/** How an event is found by the form of a text, besides as a value of a field and as a key. */
const CONDITIONS = {
  id: `${newest} and o.event_id::text = $3`,
  trace: `${newest} and strpos(o.headers, $3) > 0`,
  position: 'o.id = $3::bigint',
  key: '$3::text is null and false',
} as const;

// The fields are looked up by their index and for themselves: under the limit, the planner would read all rows from the newest on.
const findSql = (condition: string): string => `
  with field as materialized (select o.id from converge.outbox o where o.search @> array[$2::bigint]),
  found as (
    select id from field
    union select o.id from converge.outbox o where ${newest} and o.key = $1
    union select o.id from converge.outbox o where ${condition}
  )
  select o.id::text as row, o.event_id::text as "eventId", o.topic, o.key, o.type, o.created_at as at,
         o.headers::json ->> 'ce_replayof' as "replayOf", ${publishedSql} as published
    from converge.outbox o where o.id in (select id from found order by id desc limit ${MOST}) order by o.id desc`;

/**
 * Finds the events that a text names, the newest first: those with a field to search by that has this value, however old, and among the
 * newest rows those of this key, id or trace.
 */
export async function findEvents(executor: Executor, given: string): Promise<readonly FoundEvent[]> {
  const query = classify(given);
  const text = given.trim();
  const own = query.kind === 'position' ? query.row : query.kind === 'key' ? null : query.text;
  const values = [text, searchDigest(text), own];
  return (await executor.query<FoundEvent>(findSql(CONDITIONS[query.kind]), values)).rows;
}
