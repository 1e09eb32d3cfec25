import type { Executor } from '@convergekit/postgres';

/** The source of an event: a database with an outbox. */
export interface EventSource {
  readonly id: string;
  readonly name: string;
}

/** A row of an outbox. */
export interface StoredRow {
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
}

/** All events of an outbox, in order. A test's outbox is small: rows of slow transactions are not missed this way. */
export async function readOutbox(executor: Executor): Promise<readonly StoredRow[]> {
  const sql = `select event_id as "eventId", topic, key, type, headers, payload from converge.outbox order by id`;
  return (await executor.query<StoredRow>(sql)).rows;
}

export async function readSource(executor: Executor): Promise<EventSource> {
  const { rows } = await executor.query<EventSource>('select id, name from converge.source');
  const [source] = rows;
  if (source === undefined) throw new TypeError('converge.source has no row');
  return source;
}
