import { type Executor, type Session, sqlState } from '@convergekit/postgres';
import { delayMs } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';

/**
 * A transaction whose COMMIT got no answer, and a row by which to know it again. It is known by its id, or, when its
 * last statement went with COMMIT, by the session that was to run both.
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
  { by, proof }: LostCommit,
): Promise<'committed' | Exclude<Status, 'ended'>> {
  const status = await ('xid' in by ? statusOf(executor, by.xid) : statusIn(executor, by));
  if (status !== 'ended') return status;
  // After a crash an id may have been given to somebody else: the commit is ours only with our row. In a statement of
  // its own, since a snapshot taken together with the status could be older than the commit.
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
    // 22023: an id of the future. The server came back from a crash without having heard of it.
    if (sqlState(error) === '22023') return 'aborted';
    throw error;
  }
}

const sessionSql = `
  select state, wait_event as "waitsFor" from pg_stat_activity where pid = $1 and extract(epoch from backend_start) = $2::numeric`;
const endSql = `
  select pg_terminate_backend(pid) from pg_stat_activity
   where pid = $1 and extract(epoch from backend_start) = $2::numeric and wait_event = 'ClientRead' and state <> 'idle'`;

/** The session's transaction had begun, so the session is idle only when it is over. */
async function statusIn(executor: Executor, { pid, startedAt }: Session): Promise<Status> {
  const { rows } = await executor.query<{ state: string; waitsFor: string | null }>(sessionSql, [
    pid,
    startedAt,
  ]);
  const [session] = rows;
  if (session === undefined || session.state === 'idle') return 'ended';
  // It would wait for its client for ever, or execute what the network brings late. One that is at work, or waits for a
  // lock, a disk, a standby, is left alone.
  if (session.waitsFor === 'ClientRead') await executor.query(endSql, [pid, startedAt]);
  return 'in progress';
}
