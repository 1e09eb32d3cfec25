import { randomBytes } from 'node:crypto';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { delayMs, failpoint } from '@convergekit/core/engine';
import type { Clock, Random } from '@convergekit/core';

/**
 * The progress of a child's removal.
 * attached → pending: DETACH CONCURRENTLY committed its first half (new statements do not see the child any more) and was
 * interrupted; → detached: a table of its own; → gone.
 */
export type DetachState = 'attached' | 'pending' | 'detached' | 'gone';

export interface DetachingChild {
  readonly child: string;
  readonly state: DetachState;
  /** True if this session has the rights of the outbox's owner. */
  readonly owned: boolean;
}

/** The result of one step. `busy`: other transactions hold what it needs; nothing is lost, retry later. */
export type DetachStep = 'done' | 'removed' | 'busy';

export interface DetachOptions {
  /** The time each step may wait for other transactions, in milliseconds. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The signal that aborts a wait. */
  readonly signal?: AbortSignal;
}

// Reads the lease's row FOR SHARE: a concurrent takeover is awaited and then seen, so a deposed relay records nothing.
const scheduleSql = `
  update converge.source l
     set leaving = l.leaving || array(select child from unnest($3::text[]) as child where child <> all (l.leaving))
    from (select from converge.lease where name = $1 and term = $2::bigint for share) as mine`;

/** The children that one round removed, and one whose removal waits for open transactions. */
export interface RemovedChildren {
  readonly children: readonly string[];
  readonly waiting: string | undefined;
}

/**
 * Removes children; each step is a transaction, from which the next round continues after a crash. A relay with a lost lease
 * schedules nothing. A recorded child that is not `finished` stays: it was recorded before a rebase, whose ticks begin
 * anew, or by another login.
 */
export async function removeChildren(
  database: Pick<Database, 'acquire' | 'executor'>,
  fence: { readonly lease: string; readonly term: bigint },
  finished: readonly string[],
  patience: DetachOptions,
): Promise<RemovedChildren> {
  const { executor } = database;
  if (finished.length > 0) await executor.query(scheduleSql, [fence.lease, fence.term.toString(), finished]);
  const removed: string[] = [];
  for (;;) {
    const next = (await readDetaching(executor)).find(
      ({ child, state }) => state !== 'attached' || finished.includes(child),
    );
    if (next === undefined || patience.signal?.aborted === true)
      return { children: removed, waiting: next?.child };
    const step = await stepDetach(database, next, patience);
    if (step === 'busy') return { children: removed, waiting: next.child };
    failpoint(`relay.retention.after_${next.state}`);
    if (step === 'removed') removed.push(next.child);
  }
}

// Reads the catalog only, by the recorded names. Other logins record names, too: only children of the outbox have these.
const detachingSql = `
  select l.child,
         case when c.oid is null then 'gone' when i.inhrelid is null then 'detached'
              when i.inhdetachpending then 'pending' else 'attached' end as state,
         pg_has_role(o.relowner, 'usage') as owned
    from (select child from converge.source, unnest(leaving) as child where child ~ '^outbox_[0-9]+$') as l
    join pg_class o on o.oid = 'converge.outbox'::regclass
    left join pg_class c on c.relname = l.child and c.relnamespace = 'converge'::regnamespace
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'converge.outbox'::regclass
   order by length(l.child), l.child`;

export async function readDetaching(executor: Executor): Promise<readonly DetachingChild[]> {
  return (await executor.query<DetachingChild>(detachingSql)).rows;
}

/** Takes the next step of one child's removal. It never waits for writers under a lock that they need. */
export async function stepDetach(
  database: Pick<Database, 'acquire' | 'executor'>,
  { child, state, owned }: DetachingChild,
  patience: DetachOptions,
): Promise<DetachStep> {
  if (!owned) return removeForOwner(database.executor, child, patience);
  try {
    switch (state) {
      case 'attached':
        return await detachConcurrently(database.executor, child, patience);
      case 'pending':
        await underTimeout(database, patience, async (tx) => {
          await tx.query(`alter table converge.outbox detach partition converge.${quoted(child)} finalize`);
        });
        return 'done';
      case 'detached':
      case 'gone':
        await underTimeout(database, patience, async (tx) => {
          await tx.query(`drop table if exists converge.${quoted(child)}`);
          await tx.query('update converge.source set leaving = array_remove(leaving, $1)', [child]);
        });
        return state === 'detached' ? 'removed' : 'done';
    }
  } catch (error) {
    if (isBusy(error)) return 'busy';
    // Where transactions are read-only by default, no BEGIN can make DETACH CONCURRENTLY one that writes.
    if (sqlState(error) === READ_ONLY) return removeForOwner(database.executor, child, patience);
    throw error;
  }
}

const READ_ONLY = '25006';

/** Removes a child by the owner's function, which waits 50 ms at most. Repeats it at random times until the time limit. */
async function removeForOwner(
  executor: Executor,
  child: string,
  { waitMs, clock, random, signal }: DetachOptions,
): Promise<DetachStep> {
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
 * Runs DETACH CONCURRENTLY, bounded by a second connection that cancels it.
 * It waits for every transaction that has used the outbox, and holds no lock meanwhile. It cannot run in a transaction, so
 * `set local lock_timeout` cannot bound it, and a session's setting would stay in a pooler's connection for other clients.
 */
async function detachConcurrently(
  executor: Executor,
  child: string,
  { waitMs, clock, signal }: DetachOptions,
): Promise<DetachStep> {
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
    // eslint-disable-next-line converge/no-ad-hoc-retry -- it waits for the cancelled statement to end, and repeats no work
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
  { waitMs, clock, random }: DetachOptions,
  fn: (tx: Executor) => Promise<void>,
): Promise<void> {
  const before = async (tx: Executor): Promise<void> => {
    await tx.query(`select set_config('lock_timeout', $1, true)`, [String(waitMs)]);
  };
  return withTransaction(database, { attempts: 1, clock, random, before }, fn);
}

/**
 * True for errors that a later round resolves: a lock timeout, cancel or deadlock, or a deposed relay on the same
 * child.
 */
function isBusy(error: unknown): boolean {
  return ['55P03', '57014', '40P01', '55000', '42P01'].includes(sqlState(error) ?? '');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
