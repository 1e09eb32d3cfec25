import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { Operator } from '@convergekit/postgres/operate';
import { namesSql } from '../calls/journal/runs-sql.ts';

/** The sagas that a pause holds: all of one name, or one instance. */
export interface PauseTarget {
  readonly saga: string;
  /** @default every instance */
  readonly instance?: string | undefined;
}

/** A pause, as this database has it. */
export interface SagaPause {
  readonly saga: string;
  /** null = every instance. */
  readonly instance: string | null;
  readonly at: Date;
  readonly by: string;
  readonly reason: string;
  /** Calls, queries and undos that wait because of it; counted up to `MOST_COUNTED`. */
  readonly held: number;
  /** Those that began before the pause, and end by themselves. */
  readonly inFlight: number;
}

/** A count says "or more" from here on. */
export const MOST_COUNTED = 1_000;

const IS_HELD = `work.op in ('apply', 'compensate', 'resolve') and work.state in ('ready', 'calling', 'unknown', 'answered')`;
// While a worker holds a row, `due_at` is the end of its lease.
const IN_FLIGHT = `(work.holder is not null and work.due_at > clock_timestamp())`;

// A pause of one instance reads its work by saga_work_step, that of a saga the open rows. Both are bounded.
const pausesSql = (instances: string): string => `
  select pause.saga, nullif(pause.instance, '') as instance, pause.paused_at as at, pause.by, pause.reason,
         (select count(*) from (select from converge.saga_work work where ${IS_HELD} and not ${IN_FLIGHT} and work.saga = pause.saga
            and (pause.instance = '' or work.instance = pause.instance) limit ${MOST_COUNTED}) few)::int as held,
         (select count(*) from (select from converge.saga_work work where ${IS_HELD} and ${IN_FLIGHT} and work.saga = pause.saga
            and (pause.instance = '' or work.instance = pause.instance) limit ${MOST_COUNTED}) few)::int as "inFlight"
    from converge.saga_pause pause
   where ($1::text is null or pause.saga = $1) and ($2::text is null or pause.instance in (${instances}))
   order by pause.paused_at, pause.saga, pause.instance limit $3`;

/**
 * Lists the pauses of this database, the oldest first; those that hold one instance, its own and that of its saga, where it is
 * given. None where the database has no sagas.
 */
export async function readPauses(
  executor: Executor,
  { limit, of }: { readonly limit: number; readonly of?: Required<PauseTarget> },
): Promise<readonly SagaPause[]> {
  if (!(await hasTables(executor, 'converge.saga_pause'))) return [];
  const values = [of?.saga ?? null, of?.instance ?? null, limit];
  return (await executor.query<SagaPause>(pausesSql(`'', $2`), values)).rows;
}

/** Reads the pause of exactly this target. Undefined: there is none; a wider one may hold it. */
export async function readPause(
  executor: Executor,
  { saga, instance = '' }: PauseTarget,
): Promise<SagaPause | undefined> {
  return (await executor.query<SagaPause>(pausesSql('$2'), [saga, instance, 1])).rows[0];
}

const beginSql = `select converge.act_saga_pause($1, $2, $3, $4) as done`;
const endSql = `select converge.act_saga_resume($1, $2, $3, $4, $5::jsonb) as done`;

/** Writes a pause, with its audit row. False: there is one already. */
export async function beginPause(
  executor: Executor,
  { saga, instance = '' }: PauseTarget,
  { by, reason }: Operator,
): Promise<boolean> {
  const { rows } = await executor.query<{ done: boolean }>(beginSql, [saga, instance, by, reason]);
  return rows[0]?.done === true;
}

// A statement that looks for pauses locks their table before it takes its snapshot, and until its transaction ends. Not by ids: a
// claim that has locked no row has none yet, and those of other databases and of prepared transactions say nothing.
const readersSql = `
  select distinct virtualtransaction as id from pg_locks
   where locktype = 'relation' and relation = 'converge.saga_pause'::regclass and pid <> pg_backend_pid()
     and database = (select oid from pg_database where datname = current_database())
     and ($1::text[] is null or virtualtransaction = any ($1))`;

/** Lists the open transactions that have looked for pauses. `of`: those of them. @default all */
export async function openReaders(executor: Executor, of?: readonly string[]): Promise<readonly string[]> {
  const { rows } = await executor.query<{ id: string }>(readersSql, [of ?? null]);
  return rows.map(({ id }) => id);
}

/** Removes a pause, with its audit row, which says what becomes due. False: there is none. */
export async function endPause(
  tx: Executor,
  { saga, instance = '' }: PauseTarget,
  { by, reason }: Operator,
  due: { readonly work: number; readonly rate: number },
): Promise<boolean> {
  const values = [saga, instance, by, reason, JSON.stringify(due)];
  return (await tx.query<{ done: boolean }>(endSql, values)).rows[0]?.done === true;
}

// Steps of a saga that began here, calls of it that a worker of this database declares, and pauses: one outlives the steps
// that retention removed, and the worker that declared them.
const sagasSql = `
  select saga from (
    select unnest(array(${namesSql('saga_fence')})) as saga
    union
    select saga from converge.saga_pause
    union
    select substring(call from '^(.+)[.][^.]+[.](?:apply|compensate|resolve|cancel|deadline|expire)(?:[.]v[0-9]+)?$')
      from converge.saga_worker) known
   where saga is not null order by saga`;

/** Lists the sagas of which this database runs steps, or has a pause. */
export async function listSagasHere(executor: Executor): Promise<readonly string[]> {
  return (await executor.query<{ saga: string }>(sagasSql)).rows.map(({ saga }) => saga);
}

// By the primary keys.
const instanceSql = `
  select exists (select from converge.saga_fence where saga = $1 and instance = $2)
      or exists (select from converge.saga_instance where saga = $1 and instance = $2)
      or exists (select from converge.saga_pause where saga = $1 and instance = $2) as known`;

/** True when a step of the instance began here, an observer in this database saw it, or it is paused here. */
export async function knowsInstance(executor: Executor, saga: string, instance: string): Promise<boolean> {
  return (await executor.query<{ known: boolean }>(instanceSql, [saga, instance])).rows[0]?.known === true;
}

/** What a database knows of the target of a pause. */
interface PauseTargetHere {
  /** The sagas of which it runs steps, or has a pause. */
  readonly sagas: readonly string[];
  /** True when it knows the instance; also where the target is a whole saga. */
  readonly knows: boolean;
  /** The pause of exactly this target. */
  readonly pause: SagaPause | undefined;
}

/** Reads what a database knows of a target, for the question whether to pause or to resume it. */
export async function readPauseTarget(executor: Executor, target: PauseTarget): Promise<PauseTargetHere> {
  const { saga, instance } = target;
  return {
    sagas: await listSagasHere(executor),
    knows: instance === undefined || (await knowsInstance(executor, saga, instance)),
    pause: await readPause(executor, target),
  };
}

// The open rows, the oldest first. What a worker holds ends by itself, unless its lease has ended. What another pause holds, of the
// whole saga or of one instance, stays held.
const heldSql = `
  select work.id from converge.saga_work work
   where work.saga = $1 and ($2::text = '' or work.instance = $2) and ${IS_HELD} and not ${IN_FLIGHT}
     and not exists (select from converge.saga_pause other
                      where other.saga = $1 and other.instance in ('', work.instance) and other.instance <> $2)
   order by work.created_at, work.id`;

/** The ids of the work that a pause alone holds, the oldest first. */
export async function heldWork(
  executor: Executor,
  { saga, instance = '' }: PauseTarget,
): Promise<readonly string[]> {
  return (await executor.query<{ id: string }>(heldSql, [saga, instance])).rows.map(({ id }) => id);
}

// By the primary key. What waited for a later attempt keeps its time, if that is later; the time of an earlier resume is replaced.
// The bound counts from the resume. A holder whose lease has ended loses the work, as by the claim of another worker.
const DUE = `case when work.waits_since > statement_timestamp() then spread.at else greatest(work.due_at, spread.at) end`;
const spreadSql = `
  update converge.saga_work work set due_at = ${DUE}, waits_since = ${DUE}, holder = null,
    term = work.term + (work.holder is not null)::int
    from (select id, statement_timestamp() + ($2::float8 + n - 1) / $3::float8 * interval '1 second' as at
            from unnest($1::uuid[]) with ordinality as held (id, n)) spread
   where work.id = spread.id and not ${IN_FLIGHT} and work.state in ('ready', 'calling', 'unknown', 'answered')`;

/** Makes held work due one after the other, `rate` a second; `before`: the number of rows that are due earlier. */
export async function spreadWork(
  tx: Executor,
  ids: readonly string[],
  { before, rate }: { readonly before: number; readonly rate: number },
): Promise<void> {
  await tx.query(spreadSql, [ids, before, rate]);
}
