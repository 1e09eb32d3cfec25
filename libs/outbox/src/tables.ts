import type { Executor } from '@convergekit/postgres';
import { OutboxError } from './errors.ts';

/** Table names for readers. They are fixed: functions and statements contain them. */
export const OUTBOX = Object.freeze({
  table: 'converge.outbox',
  sequence: 'converge.outbox_id',
  source: 'converge.source',
  request: 'converge.request',
});

/** A row as pg returns it: `xid8` and `int8` are strings. */
export interface OutboxRow {
  readonly xid: string;
  readonly id: string;
  readonly event_id: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  /** A JSON object of strings: all wire headers except those that the relay writes from columns. */
  readonly headers: string;
  /** The payload on the wire, byte for byte. */
  readonly payload: string;
  readonly created_at: Date;
}

export interface Source {
  /** The identity that consumers deduplicate by. */
  readonly id: string;
  /** The display name. */
  readonly name: string;
  readonly epoch: number;
}

/** Reads the identity of this database as a source. */
export async function readSource(executor: Executor): Promise<Source> {
  const { rows } = await executor.query<{ id: string; name: string; epoch: number }>(
    'select id, name, epoch from converge.source',
  );
  const row = rows[0];
  if (row === undefined)
    throw new OutboxError(
      'converge.source is empty, so this database has no identity. Restore that row, or run migrate on a new database.',
      {
        code: 'SOURCE_MISSING',
        category: 'configuration',
      },
    );
  return row;
}

/** Sets the source's name, which is the database's name by default. */
export async function nameSource(executor: Executor, name: string): Promise<void> {
  await executor.query('update converge.source set name = $1 where name <> $1', [name]);
}
