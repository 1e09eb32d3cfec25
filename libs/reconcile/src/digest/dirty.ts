import type { Executor } from '@convergekit/postgres';
import * as text from './dirty-sql.ts';
import type { Reconciler } from '../reconciler.ts';

/** The reported keys of one reconciler. */
export interface DirtyStore {
  readonly executor: Executor;
  readonly reconciler: string;
}

/** The reports that were visible in a snapshot, up to the last one. */
export interface ReportsUpTo {
  readonly last: string;
  readonly snapshot: string;
}

/** Reads the last report and the number of reported keys. */
export async function readLastReport({
  executor,
  reconciler,
}: DirtyStore): Promise<ReportsUpTo & { readonly reported: number }> {
  const { rows } = await executor.query<ReportsUpTo & { reported: string }>(text.lastReportSql, [reconciler]);
  const { last = '0', snapshot = '', reported = '0' } = rows[0] ?? {};
  return { last, snapshot, reported: Number(reported) };
}

/** A batch of reports. */
export interface Reports extends ReportsUpTo {
  /** The text of a bigint[]: the hashes of the reported keys. */
  readonly hashes: string;
  /** For how long keys have been different and hot, by key hash, in milliseconds. */
  readonly hotForMs: ReadonlyMap<string, number>;
}

/** Reads the first reports up to `last`, with about `most` keys; undefined = there are none. */
export async function readReports(
  { executor, reconciler }: DirtyStore,
  last: string,
  most: number,
): Promise<Reports | undefined> {
  const { rows } = await executor.query<{
    snapshot: string;
    last: string | null;
    hashes: string;
    hot: Record<string, number>;
  }>(text.readReportsSql, [reconciler, last, most]);
  const [row] = rows;
  if (row?.last === null || row === undefined) return undefined;
  return { ...row, last: row.last, hotForMs: new Map(Object.entries(row.hot)) };
}

/** Removes reports that were compared. Call it after the listed keys are queued. `hot`: those of hot keys, too. */
export async function removeReports(
  { executor, reconciler }: DirtyStore,
  { last, snapshot }: ReportsUpTo,
  hot: boolean,
): Promise<void> {
  await executor.query(text.removeReportsSql, [reconciler, last, snapshot, hot]);
}

/** Reports hot keys again, with the time for which each has been different. The next pass compares them. */
export async function deferHot(
  { executor, reconciler }: DirtyStore,
  hot: ReadonlyMap<string, number>,
): Promise<void> {
  if (hot.size > 0) await executor.query(text.deferHotSql, [reconciler, [...hot.keys()], [...hot.values()]]);
}

/**
 * Marks keys that may have changed, for the next pass of the reconciler's digest scan.
 * In an event handler pass its own transaction, in the database of `actual`: the change and the mark commit together. It
 * costs one inserted row for each call, and waits for no other transaction. Keys that must be compared soon go to `reportKeys` instead.
 * @example
 * ```ts
 * import { defineConsumer, markDirty } from 'convergekit';
 * import { executorOf } from 'convergekit/postgres';
 * import { orderPlaced, type ShopDb, stock } from './shop.ts';
 *
 * export const orders = defineConsumer<ShopDb>('stock-changes').on(orderPlaced, ({ data }, { tx }) =>
 *   markDirty(executorOf(tx), stock, [data.orderId]),
 * );
 * ```
 */
export async function markDirty(
  executor: Executor,
  { name }: Pick<Reconciler, 'name'>,
  keys: readonly string[],
): Promise<void> {
  if (keys.length > 0) await executor.query(text.markDirtySql, [name, keys]);
}
