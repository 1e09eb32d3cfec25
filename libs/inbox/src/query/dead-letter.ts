import type { Executor } from '@converge/postgres';

/** A row of `converge.dead_letter`, ready to be written. */
export interface DeadLetterRow {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly position: string | null;
  readonly event_id: string | null;
  readonly type: string | null;
  readonly version: number | null;
  readonly source: string | null;
  readonly key: string;
  readonly record_key: Buffer | null;
  readonly headers: string;
  readonly payload: Buffer | null;
  readonly category: string;
  readonly certainty: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly failure_event: string;
}

const columns = [
  'id',
  'consumer',
  'handler',
  'topic',
  'partition',
  'record_offset',
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
  'attempts',
  'first_at',
  'last_at',
  'failure_event',
] as const satisfies readonly (keyof DeadLetterRow)[];

// Dead letters are rare: one statement each. A record that was given up before (a rewind) makes no second letter.
const insertSql = `
  insert into converge.dead_letter (${columns.join(', ')})
  values (${columns.map((_, at) => `$${at + 1}`).join(', ')})
  on conflict (id) do nothing`;

/** False when this record has its letter already: then no failure event may be written either. */
export async function insertDeadLetter(tx: Executor, row: DeadLetterRow): Promise<boolean> {
  const { rowCount } = await tx.query(
    insertSql,
    columns.map((name) => row[name]),
  );
  return rowCount === 1;
}
