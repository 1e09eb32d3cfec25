import type { Executor } from '@convergekit/postgres';
import type { Reconciler } from '../reconciler.ts';
import { markDirtySql } from './dirty-sql.ts';

/**
 * Marks keys that may have changed, for the next pass of the reconciler's digest scan.
 * In an event handler pass its own transaction, in the database of `actual`: the change and the mark commit together. It
 * costs one inserted row for each call, and waits for no other transaction. Keys that must be compared soon go to `reportKeys` instead.
 */
export async function markDirty(
  executor: Executor,
  { name }: Pick<Reconciler, 'name'>,
  keys: readonly string[],
): Promise<void> {
  if (keys.length > 0) await executor.query(markDirtySql, [name, keys]);
}
