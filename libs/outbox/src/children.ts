import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { delayMs } from '@convergekit/core/engine';
import { type Random, systemClock, systemRandom } from '@convergekit/core';

/** A child table of the outbox: ids from `from` up to, but excluding, `to`. */
export interface OutboxChild {
  readonly name: string;
  /** Lower bound; `undefined` for the first child. */
  readonly from: bigint | undefined;
  /** Upper bound; `undefined` for the last child. */
  readonly to: bigint | undefined;
}

export interface EnsureChildrenOptions {
  /** Number of whole ranges to keep beyond the newest id. @default 2 */
  readonly ahead?: number;
  /** Number of ids of one range. @default 1_000_000 */
  readonly span?: number;
  /** Number of attempts to lock the table, 50 ms each. @default 20 */
  readonly attempts?: number;
  /** Ends the wait between two attempts. */
  readonly signal?: AbortSignal;
  readonly random?: Random;
}

const addSql = 'select converge.outbox_add_child($1::int, $2::bigint) as child';

/**
 * Adds children ahead of the newest id. The relay calls it from time to time. Returns the added names.
 * Each addition is a transaction of its own and stops writers for at most 50 ms, so `executor` must not be inside a
 * transaction. If long transactions hold the lock it gives up without harm: the last child accepts every id.
 */
export async function ensureChildren(
  executor: Executor,
  options: EnsureChildrenOptions = {},
): Promise<readonly string[]> {
  const { ahead = 2, span = 1_000_000, attempts = 20, random = systemRandom, signal } = options;
  const added: string[] = [];
  for (let attempt = 1; attempt <= attempts && signal?.aborted !== true;) {
    try {
      const { rows } = await executor.query<{ child: string | null }>(addSql, [ahead, span]);
      const child = rows[0]?.child ?? null;
      if (child === null) break;
      // '' is an intermediate step; more follow.
      if (child !== '') added.push(child);
    } catch (error) {
      if (sqlState(error) !== '55P03') throw error;
      // Let writers that queued behind us pass, then retry at a random time.
      await systemClock.sleep(20 + delayMs({ baseMs: 50, factor: 2, capMs: 1_000 }, attempt, random), signal);
      attempt += 1;
    }
  }
  return added;
}

// Reads the catalog only, and locks only catalog rows.
const listSql = `
  select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'converge.outbox'::regclass`;

/** Lists the children in the order of their id ranges. */
export async function listChildren(executor: Executor): Promise<readonly OutboxChild[]> {
  const { rows } = await executor.query<{ name: string; bound: string }>(listSql);
  return rows.map(({ name, bound }) => ({ name, ...boundsOf(bound) })).toSorted(byRange);
}

export function boundsOf(bound: string): { from: bigint | undefined; to: bigint | undefined } {
  const [, from, to] = /FROM \('?(\d+|MINVALUE)'?\) TO \('?(\d+|MAXVALUE)'?\)/.exec(bound) ?? [];
  const value = (text: string | undefined): bigint | undefined =>
    text === undefined || /VALUE/.test(text) ? undefined : BigInt(text);
  return { from: value(from), to: value(to) };
}

function byRange(a: OutboxChild, b: OutboxChild): number {
  const [left, right] = [a.from ?? -1n, b.from ?? -1n];
  return left < right ? -1 : left > right ? 1 : 0;
}
