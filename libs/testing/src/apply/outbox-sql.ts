import type { Executor } from '@convergekit/postgres';

/** The source of an event: a database with an outbox. */
export interface EventSource {
  /** The uuid of the source. */
  readonly id: string;
  /** The name of the source, as `converge source show` prints it. */
  readonly name: string;
}

/** A row of an outbox. */
export interface StoredRow {
  readonly id: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
}

/**
 * The events of an outbox after the row `after`, in order. From the first row on none of a slow transaction is missed, and a
 * test's outbox is small.
 */
export async function readOutbox(executor: Executor, after = '0'): Promise<readonly StoredRow[]> {
  const sql = `select id, event_id as "eventId", topic, key, type, headers, payload from converge.outbox
                where id > $1 order by id`;
  return (await executor.query<StoredRow>(sql, [after])).rows;
}

export async function readSource(executor: Executor): Promise<EventSource> {
  const { rows } = await executor.query<EventSource>('select id, name from converge.source');
  const [source] = rows;
  if (source === undefined) throw new TypeError('converge.source has no row');
  return source;
}
