import type { Executor } from '@convergekit/postgres';
import { OutboxError } from './errors.ts';

/** The identity of a database as a source. */
export interface Source {
  /** The identity that consumers deduplicate by. */
  readonly id: string;
  /** The display name. */
  readonly name: string;
  readonly epoch: number;
}

/** Reads the identity of this database as a source. */
export async function readSource(executor: Executor): Promise<Source> {
  const { rows } = await executor.query<Source>('select id, name, epoch from converge.source');
  return presentSource(rows[0]);
}

/** Checks that the row of converge.source is there. Throws SOURCE_MISSING. */
export function presentSource<R>(row: R | undefined): R {
  if (row !== undefined) return row;
  throw new OutboxError(
    'converge.source is empty, so this database has no identity: its row was deleted by hand. Restore that row; another one would be another source to consumers.',
    { code: 'SOURCE_MISSING', category: 'configuration' },
  );
}

/** Sets the source's name, which is the database's name by default. */
export async function nameSource(executor: Executor, name: string): Promise<void> {
  await executor.query('update converge.source set name = $1 where name <> $1', [name]);
}
