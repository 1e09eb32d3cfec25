import { randomBytes } from 'node:crypto';
import { type Database, type Executor, sqlState, withTransaction } from '@convergekit/postgres';
import { delayMs } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';

/**
 * How far the removal of a child has come.
 * attached → pending: DETACH CONCURRENTLY committed its first half (new statements do not see the child any more) and
 * was broken off; → detached: a table of its own; → gone.
 */
export type LeavingState = 'attached' | 'pending' | 'detached' | 'gone';

export interface LeavingChild {
  readonly child: string;
  readonly state: LeavingState;
  /** Whether this session may do what the outbox's owner may. */
  readonly owned: boolean;
}

/** `done`: a step of several. `busy`: others hold what it needs; nothing is lost, try again later. */
export type LeavingStep = 'done' | 'removed' | 'busy';

export interface LeavingPatience {
  /** How long each step may wait for the transactions of others, milliseconds. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Breaks a wait off. */
  readonly signal?: AbortSignal;
}

// The lease's row FOR SHARE: a takeover in progress is waited for and then seen, so a deposed relay decides nothing.
const decideSql = `
  insert into converge.outbox_leaving (child)
  select child from unnest($3::text[]) as child, (select from converge.lease where name = $1 and term = $2::bigint for share) as mine
  on conflict do nothing`;

/** Records that children go. With a lost lease nothing is recorded. */
export async function decideLeaving(
  executor: Executor,
  fence: { readonly lease: string; readonly term: bigint },
  children: readonly string[],
): Promise<void> {
  if (children.length > 0) await executor.query(decideSql, [fence.lease, fence.term.toString(), children]);
}

// Catalog only, by the names that were recorded.
const leavingSql = `
  select l.child,
         case when c.oid is null then 'gone' when i.inhrelid is null then 'detached'
              when i.inhdetachpending then 'pending' else 'attached' end as state,
         pg_has_role(o.relowner, 'usage') as owned
    from converge.outbox_leaving l
    join pg_class o on o.oid = 'converge.outbox'::regclass
    left join pg_class c on c.relname = l.child and c.relnamespace = 'converge'::regnamespace
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'converge.outbox'::regclass
   order by l.decided_at, length(l.child), l.child`;

export async function readLeaving(executor: Executor): Promise<readonly LeavingChild[]> {
  return (await executor.query<LeavingChild>(leavingSql)).rows;
}

/** Takes the next step of one child's removal. Writers are never waited for under a lock that they need. */
export async function stepLeaving(
  database: Pick<Database, 'acquire' | 'executor'>,
  { child, state, owned }: LeavingChild,
  patience: LeavingPatience,
): Promise<LeavingStep> {
  if (!owned) return removeForOwner(database.executor, child, patience);
  try {
    switch (state) {
      case 'attached':
        return await detach(database.executor, child, patience);
      case 'pending':
        await underTimeout(database, patience, async (tx) => {
          await tx.query(`alter table converge.outbox detach partition converge.${quoted(child)} finalize`);
        });
        return 'done';
      case 'detached':
      case 'gone':
        await underTimeout(database, patience, async (tx) => {
          await tx.query(`drop table if exists converge.${quoted(child)}`);
          await tx.query('delete from converge.outbox_leaving where child = $1', [child]);
        });
        return state === 'detached' ? 'removed' : 'done';
    }
  } catch (error) {
    if (isBusy(error)) return 'busy';
    throw error;
  }
}

/** By the owner's function, which waits 50 ms at most: again and again within the patience, at other moments than writers. */
async function removeForOwner(
  executor: Executor,
  child: string,
  { waitMs, clock, random, signal }: LeavingPatience,
): Promise<LeavingStep> {
  const end = clock.monotonic() + waitMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await executor.query('select converge.outbox_remove_child($1)', [child]);
      return 'removed';
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (clock.monotonic() >= end || signal?.aborted === true) return 'busy';
      await clock.sleep(20 + delayMs({ baseMs: 50, factor: 2, capMs: 500 }, attempt, random), signal);
    }
  }
}

/**
 * DETACH CONCURRENTLY waits for every transaction that has used the outbox, holding no lock meanwhile. It cannot run
 * in a transaction, so `set local lock_timeout` cannot bound it, and a session's setting would stay behind in a
 * pooler's connection for somebody else's transaction. So it is bounded from outside: a second connection cancels it.
 */
async function detach(
  executor: Executor,
  child: string,
  { waitMs, clock, signal }: LeavingPatience,
): Promise<LeavingStep> {
  const mark = `/* converge ${randomBytes(8).toString('hex')} */`;
  const statement = `${mark} alter table converge.outbox detach partition converge.${quoted(child)} concurrently`;
  const progress = { over: false };
  const detaching = executor.query(statement).finally(() => (progress.over = true));
  detaching.catch(() => undefined);
  const patience = new AbortController();
  const limit = signal === undefined ? patience.signal : AbortSignal.any([patience.signal, signal]);
  await Promise.race([detaching.catch(() => undefined), clock.sleep(waitMs, limit)]);
  patience.abort();
  while (!progress.over) {
    await executor.query(cancelSql, [mark]);
    await Promise.race([detaching.catch(() => undefined), clock.sleep(100)]);
  }
  await detaching;
  return 'done';
}

const cancelSql = `
  select pg_cancel_backend(pid) from pg_stat_activity
   where datname = current_database() and state = 'active' and pid <> pg_backend_pid() and starts_with(query, $1)`;

function underTimeout(
  database: Pick<Database, 'acquire'>,
  { waitMs, clock, random }: LeavingPatience,
  fn: (tx: Executor) => Promise<void>,
): Promise<void> {
  const before = async (tx: Executor): Promise<void> => {
    await tx.query(`select set_config('lock_timeout', $1, true)`, [String(waitMs)]);
  };
  return withTransaction(database, { attempts: 1, clock, random, before }, fn);
}

/** Lock timeout, cancelled, deadlock; and what a deposed relay that is at the same child has done meanwhile. */
function isBusy(error: unknown): boolean {
  return ['55P03', '57014', '40P01', '55000', '42P01'].includes(sqlState(error) ?? '');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
