import type { Executor } from '@convergekit/postgres';
import { type Session, sqlState } from '@convergekit/postgres/engine';
import { delayMs } from '@convergekit/core/engine';
import type { Clock, Random } from '@convergekit/core';

/**
 * A transaction whose COMMIT got no answer, and a row that proves it.
 * It is identified by its id, or, if its last statement was sent with COMMIT, by the session of both.
 */
export interface LostCommit {
  readonly by: { readonly xid: string } | Session;
  readonly proof: { readonly text: string; readonly values: readonly unknown[] };
}

type Status = 'ended' | 'aborted' | 'in progress' | 'forgotten';

export interface ResolveOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlineMs: number;
}

/**
 * Resolves the outcome of a lost COMMIT.
 * While the server reports `in progress`, the COMMIT may wait (for a standby, for a disk), and its rows would not be
 * found: wait. The result is 'unknown' only if, until the deadline, the database could not be queried or was still busy
 * with it.
 */
export async function resolveCommit(
  executor: Executor,
  lost: LostCommit,
  { clock, random, deadlineMs }: ResolveOptions,
): Promise<'committed' | 'aborted' | 'unknown'> {
  const end = clock.monotonic() + deadlineMs;
  for (let attempt = 1; ; attempt += 1) {
    const status = await readStatus(executor, lost).catch(() => 'unreachable' as const);
    if (status === 'committed' || status === 'aborted') return status;
    if (status === 'forgotten' || clock.monotonic() >= end) return 'unknown';
    await clock.sleep(5 + delayMs({ baseMs: 10, factor: 2, capMs: 500 }, attempt, random));
  }
}

async function readStatus(
  executor: Executor,
  { by, proof }: LostCommit,
): Promise<'committed' | Exclude<Status, 'ended'>> {
  const status = await ('xid' in by ? statusOf(executor, by.xid) : statusIn(executor, by));
  if (status !== 'ended') return status;
  // The commit counts only when this transaction's row is found: after a crash another transaction may have the id.
  // This is a separate statement, since a snapshot taken together with the status could be older than the commit.
  const { rowCount } = await executor.query(proof.text, proof.values);
  return rowCount > 0 ? 'committed' : 'aborted';
}

async function statusOf(executor: Executor, xid: string): Promise<Status> {
  try {
    const { rows } = await executor.query<{ status: 'committed' | 'aborted' | 'in progress' | null }>(
      'select pg_xact_status($1::xid8) as status',
      [xid],
    );
    const status = rows[0]?.status ?? 'forgotten';
    return status === 'committed' ? 'ended' : status;
  } catch (error) {
    // 22023: an id of the future. The server lost it in a crash.
    if (sqlState(error) === '22023') return 'aborted';
    throw error;
  }
}

const sessionSql = `
  select state, wait_event as "waitsFor" from pg_stat_activity where pid = $1 and extract(epoch from backend_start) = $2::numeric`;
const endSql = `
  select pg_terminate_backend(pid) from pg_stat_activity
   where pid = $1 and extract(epoch from backend_start) = $2::numeric and wait_event = 'ClientRead' and state <> 'idle'`;

/** Returns the status of the session's transaction. It had begun, so the session is idle only after its end. */
async function statusIn(executor: Executor, { pid, startedAt }: Session): Promise<Status> {
  const { rows } = await executor.query<{ state: string; waitsFor: string | null }>(sessionSql, [
    pid,
    startedAt,
  ]);
  const [session] = rows;
  if (session === undefined || session.state === 'idle') return 'ended';
  // A session that waits for its client is ended: it would wait forever, or run a late message. A session that works,
  // or waits for a lock, a disk or a standby, is left alone.
  if (session.waitsFor === 'ClientRead') await executor.query(endSql, [pid, startedAt]);
  return 'in progress';
}
