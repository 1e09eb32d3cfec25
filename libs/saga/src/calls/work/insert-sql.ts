import { type Executor, executorOf } from '@convergekit/postgres';
import { afterCommit, afterRollback, givenRows, sendAhead, sqlState } from '@convergekit/postgres/engine';
import { logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import { announce, announceWork, reservePlace, type Reserved } from './announce.ts';
import { inputWith, pausedWorkSql } from './row-sql.ts';
import type { StepKey, WorkOp } from './step-key.ts';
import type { ClaimedWork, Outcome, StuckReason, WorkState } from './work.ts';
import { WORKER_GONE_MS, workerMissing } from './worker-sql.ts';

/** Work that is requested: a call of a handler, or work of a saga's step. */
export interface NewWork
  extends
    Pick<ClaimedWork, 'id' | 'consumer' | 'handler' | 'call' | 'key' | 'idempotencyKey' | 'input' | 'cause'>,
    Partial<Pick<StepKey, 'saga' | 'instance' | 'step'>> {
  /** The operation of a step. A `deadline` is not inserted when the step is decided: its fence is locked. @default none */
  readonly op?: WorkOp;
  /** The known outcome: there is nothing to call, and only the reactions remain. */
  readonly outcome?: Outcome;
  /** The time until "not found" is final for a made call of unknown outcome, in milliseconds. */
  readonly unknownForMs?: number;
  /** The reason why only an operator can decide the outcome. */
  readonly stuck?: StuckReason;
  /** The time until the row is due, in milliseconds, by the database's clock. @default 0 */
  readonly dueMs?: number;
  /** The events in the fence, which the transaction inserts, too: a worker of this process may then begin at once. */
  readonly events?: string;
}

interface Answer {
  readonly id: string;
  readonly made: boolean;
  /** The worker that has the reserved place holds it. */
  readonly held: boolean;
  readonly term: string;
  readonly created_at: string;
  /** The worker has not said for long that it is there. */
  readonly gone: boolean;
}

/** A work that is inserted, and the place that is reserved for it. */
interface Placed {
  readonly work: NewWork;
  readonly place?: Reserved | undefined;
}

// Under another isolation a statement does not see a pause that came after the transaction began: a look finds the work.
const seesPauses = `current_setting('transaction_isolation') = 'read committed'`;

// Locks only the new rows, which cost one index entry each. A row that is there stays as it is: a replayed handler finds its own;
// work of a step, whose id is a function of step and op, is requested anew once it has left. The fences are found by their primary
// key, one after the other in the order of the rows; a step is decided in each state that is not named here. A call that no worker has declared is null, which the table refuses (23502).
const insertion = givenRows<Placed>(
  {
    id: ['uuid', ({ work }) => work.id],
    consumer: ['text', ({ work }) => work.consumer],
    handler: ['text', ({ work }) => work.handler],
    call: ['text', ({ work }) => work.call],
    key: ['text', ({ work }) => work.key],
    idempotency_key: ['text', ({ work }) => work.idempotencyKey],
    input: ['text', ({ work }) => work.input],
    cause: ['text', ({ work }) => JSON.stringify(work.cause)],
    saga: ['text', ({ work }) => work.saga],
    instance: ['text', ({ work }) => work.instance],
    step: ['text', ({ work }) => work.step],
    op: ['text', ({ work }) => work.op],
    state: ['text', ({ work }) => stateOf(work)],
    stuck_reason: ['text', ({ work }) => work.stuck],
    outcome: ['text', ({ work }) => work.outcome && JSON.stringify(work.outcome)],
    due_ms: ['float8', ({ work }) => work.dueMs ?? 0],
    holder: ['text', ({ place }) => place?.holder],
    lease_ms: ['float8', ({ place }) => place?.leaseMs],
    final_ms: ['float8', ({ work, place }) => place?.finalMs ?? work.unknownForMs],
  },
  (given) => `
  with given as materialized (${given}),
  fence as materialized (
    select given.id, held.state from given cross join lateral (
      select f.state from converge.saga_fence f
       where f.saga = given.saga and f.instance = given.instance and f.step = given.step for update) as held
     where given.op = 'deadline'),
  made as (
    insert into converge.saga_work
      (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op, outcome, stuck_reason,
       waits_since, state, holder, due_at, final_at)
    select given.id, given.consumer, given.handler, worker.call, given.key, given.idempotency_key, given.input,
        given.cause, given.saga, given.instance, given.step, given.op, given.outcome, given.stuck_reason, times.due,
        case when times.holder is null then given.state else 'calling' end, times.holder,
        case when times.holder is null then times.due else times.due + given.lease_ms * interval '1 millisecond' end,
        case when times.holder is not null or given.state = 'unknown' then times.due + given.final_ms * interval '1 millisecond' end
      from given left join converge.saga_worker worker on worker.call = given.call
     cross join lateral (
       select clock_timestamp() + given.due_ms * interval '1 millisecond' as due,
           case when ${seesPauses} and not ${pausedWorkSql('given')} then given.holder end as holder) as times
     where not exists (select from fence where fence.id = given.id and fence.state not in ('started', 'unknown', 'stuck'))
     order by given.row
    on conflict (id) do nothing
    returning id, state, term, created_at)
  select given.id, made.id is not null as made, made.state is not distinct from 'calling' as held, made.term::text as term,
      to_json(made.created_at) #>> '{}' as created_at,
      worker.seen_at < clock_timestamp() - ${WORKER_GONE_MS} * interval '1 millisecond' as gone
    from given join converge.saga_worker worker on worker.call = given.call left join made on made.id = given.id`,
);

function stateOf({ outcome, unknownForMs, stuck }: NewWork): WorkState {
  if (stuck !== undefined) return 'stuck';
  if (outcome !== undefined) return 'answered';
  return unknownForMs === undefined ? 'ready' : 'unknown';
}

/** True for the error of an insert that refused one of its works: no worker has ever declared the call here. */
export function isRefusedWork(error: unknown): boolean {
  return sqlState(error) === '23502';
}

/** Inserts a work. False: it is open, or waits for an operator. Throws WORKER_MISSING for an undeclared call. */
export async function insertWork<DB>(tx: Transaction<DB>, work: NewWork): Promise<boolean> {
  const { id, call, stuck, dueMs = 0 } = work;
  const isNew = await insertRow(executorOf(tx), work);
  if (isNew && stuck === undefined) await announceWork(tx, { id, call, dueMs });
  return isNew;
}

/** Inserts a work without an announcement to the workers of this process. As `insertWork`. */
export async function insertRow(executor: Executor, work: NewWork): Promise<boolean> {
  const { rows } = await executor.query<Answer>(...insertion([{ work }])).catch((error: unknown) => {
    throw isRefusedWork(error) ? workerMissing(work.call) : error;
  });
  const [answer] = rows;
  if (answer?.gone === true) alertGone(work);
  return answer?.made === true;
}

/**
 * Inserts works of distinct ids by one statement whose answer is not awaited. `failed`: see `sendAhead`. `isLast`: no savepoint
 * around it can be rolled back. Then a call for which a worker of this process has a free place is born claimed: the worker makes
 * it after the commit.
 */
export async function insertWorks<DB>(
  tx: Transaction<DB>,
  works: readonly NewWork[],
  failed: (error: unknown) => unknown,
  isLast: boolean,
): Promise<void> {
  let answers: readonly Answer[] = [];
  const byId = new Map(works.map((work) => [work.id, work]));
  const reserved = isLast ? await reservePlaces(tx, works) : new Map<string, Reserved>();
  await afterCommit(tx, (db) => {
    for (const answer of answers) {
      const { id, made, held, gone } = answer;
      const work = byId.get(id);
      const place = reserved.get(id);
      if (work === undefined) continue;
      if (gone) alertGone(work);
      if (made && held && place !== undefined) place.begin(bornClaimed(work, answer, place));
      else place?.free();
      if (made && !held) announce(db, { id, call: work.call, dueMs: work.dueMs ?? 0 });
    }
  });
  const rows = works.map((work) => ({ work, place: reserved.get(work.id) }));
  await sendAhead<DB, Answer>(tx, insertion(rows), { answered: (given) => (answers = given), failed });
}

/** Reserves places for the calls that a worker of this process may begin when they are committed, by the ids of the works. */
async function reservePlaces<DB>(
  tx: Transaction<DB>,
  works: readonly NewWork[],
): Promise<ReadonlyMap<string, Reserved>> {
  const reserved = new Map<string, Reserved>();
  const calls = works.filter(({ events }) => events !== undefined);
  if (calls.length === 0) return reserved;
  const db = await afterRollback(tx, () => {
    for (const place of reserved.values()) place.free();
  });
  if (db === undefined) return reserved;
  for (const { id, call } of calls) {
    const place = reservePlace(db, call);
    if (place !== undefined) reserved.set(id, place);
  }
  return reserved;
}

/** Returns what a claim of the row would, had it been ready a moment before. */
function bornClaimed(
  { id, consumer, handler, call, op, key, idempotencyKey, input, cause, events = '[]' }: NewWork,
  { term, created_at: createdAt }: Answer,
  { finalMs }: Reserved,
): ClaimedWork {
  return {
    id,
    consumer,
    handler,
    call,
    key,
    idempotencyKey,
    cause,
    createdAt,
    term,
    finalMs,
    op: op ?? null,
    input: inputWith(events, input),
    found: 'ready',
    outcome: undefined,
    story: [],
    covered: false,
    attempts: 0,
    queries: 0,
    ageMs: 0,
    finalInMs: finalMs,
    doubt: false,
    doubtUntil: null,
  };
}

function alertGone({ call, key }: NewWork): void {
  logger('saga').error(
    { alarm: 'worker_gone', call, key },
    'a call, an undo or a timer waits for a worker that has not been seen for ten minutes: start it again',
  );
}
