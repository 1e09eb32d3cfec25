import { type Executor, sqlState } from '@converge/postgres';
import { delayMs } from '@converge/resilience';
import type { Clock, Random } from '@converge/runtime';

/** A transaction whose COMMIT got no answer, and a row by which to know it again. */
export interface LostCommit {
  readonly xid: string;
  readonly proof: { readonly text: string; readonly values: readonly unknown[] };
}

export interface ResolveOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlineMs: number;
}

/**
 * Finds out what became of it. While the server says `in progress` the COMMIT may be waiting (for a standby, for a disk)
 * and looking for its rows would find none: wait. Gives 'unknown' only when the database could not be asked, or was
 * still busy with it, until the deadline.
 */
export async function resolveCommit(
  executor: Executor,
  lost: LostCommit,
  { clock, random, deadlineMs }: ResolveOptions,
): Promise<'committed' | 'aborted' | 'unknown'> {
  const end = clock.monotonic() + deadlineMs;
  for (let attempt = 1; ; attempt += 1) {
    const status = await ask(executor, lost).catch(() => 'unreachable' as const);
    if (status === 'committed' || status === 'aborted') return status;
    if (status === 'forgotten' || clock.monotonic() >= end) return 'unknown';
    await clock.sleep(5 + delayMs({ baseMs: 10, factor: 2, capMs: 500 }, attempt, random));
  }
}

async function ask(
  executor: Executor,
  { xid, proof }: LostCommit,
): Promise<'committed' | 'aborted' | 'in progress' | 'forgotten'> {
  try {
    const { rows } = await executor.query<{ status: 'committed' | 'aborted' | 'in progress' | null }>(
      'select pg_xact_status($1::xid8) as status',
      [xid],
    );
    const status = rows[0]?.status ?? 'forgotten';
    if (status !== 'committed') return status;
  } catch (error) {
    // 22023: an id of the future. The server came back from a crash without having heard of it.
    if (sqlState(error) === '22023') return 'aborted';
    throw error;
  }
  // After a crash the id may have been given to somebody else: the commit is ours only with our row. In a statement of
  // its own, since a snapshot taken together with the status could be older than the commit.
  const { rowCount } = await executor.query(proof.text, proof.values);
  return rowCount > 0 ? 'committed' : 'aborted';
}
