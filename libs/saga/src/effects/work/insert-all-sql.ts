import { afterCommit, afterRollback, givenRows, sendAhead, sqlState } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { announce, reservePlace, type Reserved } from './announce.ts';
import { inputWith } from './input-sql.ts';
import { alertGone, type StepWork } from './insert-sql.ts';
import type { ClaimedWork } from './work.ts';
import { pausedWorkSql } from './paused-sql.ts';
import { WORKER_GONE_MS } from './worker-sql.ts';

/** Work that is due now or later, and is neither stuck nor of unknown outcome. */
type PlainWork = Omit<StepWork, 'stuck' | 'unknownForMs'>;

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
  readonly work: PlainWork;
  readonly place: Reserved | undefined;
}

// Under another isolation a statement does not see a pause that came after the transaction began: a look finds the work.
const seesPauses = `current_setting('transaction_isolation') = 'read committed'`;

// As the insert of one work, for many: see `insertWork`. The fences are found by their primary key, one after the
// other in the order of the rows. An effect that no worker has declared is null, which the table refuses (23502).
const insertion = givenRows<Placed>(
  {
    id: ['uuid', ({ work }) => work.id],
    consumer: ['text', ({ work }) => work.consumer],
    handler: ['text', ({ work }) => work.handler],
    effect: ['text', ({ work }) => work.effect],
    key: ['text', ({ work }) => work.key],
    idempotency_key: ['text', ({ work }) => work.idempotencyKey],
    input: ['text', ({ work }) => work.input],
    cause: ['text', ({ work }) => JSON.stringify(work.cause)],
    saga: ['text', ({ work }) => work.saga],
    instance: ['text', ({ work }) => work.instance],
    step: ['text', ({ work }) => work.step],
    op: ['text', ({ work }) => work.op],
    state: ['text', ({ work }) => (work.outcome === undefined ? 'ready' : 'answered')],
    outcome: ['text', ({ work }) => work.outcome && JSON.stringify(work.outcome)],
    due_ms: ['float8', ({ work }) => work.dueMs ?? 0],
    asks: ['boolean', ({ work }) => work.unlessStepIs !== undefined],
    holder: ['text', ({ place }) => place?.holder],
    lease_ms: ['float8', ({ place }) => place?.leaseMs],
    final_ms: ['float8', ({ place }) => place?.finalMs],
  },
  (given) => `
  with given as materialized (${given}),
  fence as materialized (
    select given.id, held.state from given cross join lateral (
      select f.state from converge.saga_fence f
       where f.saga = given.saga and f.instance = given.instance and f.step = given.step for update) as held
     where given.asks),
  made as (
    insert into converge.saga_work
      (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op, outcome, waits_since,
       state, holder, due_at, final_at)
    select given.id, given.consumer, given.handler, worker.effect, given.key, given.idempotency_key, given.input,
        given.cause, given.saga, given.instance, given.step, given.op, given.outcome, times.due,
        case when times.holder is null then given.state else 'calling' end, times.holder,
        case when times.holder is null then times.due else times.due + given.lease_ms * interval '1 millisecond' end,
        case when times.holder is not null then times.due + given.final_ms * interval '1 millisecond' end
      from given left join converge.saga_worker worker on worker.effect = given.effect
     cross join lateral (
       select clock_timestamp() + given.due_ms * interval '1 millisecond' as due,
           case when ${seesPauses} and not ${pausedWorkSql('given')} then given.holder end as holder) as times
     where not exists (select from fence where fence.id = given.id and fence.state = any ($20::text[]))
     order by given.row
    on conflict (id) do nothing
    returning id, state, term, created_at)
  select given.id, made.id is not null as made, made.state is not distinct from 'calling' as held, made.term::text as term,
      to_json(made.created_at) #>> '{}' as created_at,
      worker.seen_at < clock_timestamp() - ${WORKER_GONE_MS} * interval '1 millisecond' as gone
    from given join converge.saga_worker worker on worker.effect = given.effect left join made on made.id = given.id`,
);

/** True for the error of an insert that refused one of its works: no worker has ever declared the effect here. */
export function isRefusedWork(error: unknown): boolean {
  return sqlState(error) === '23502';
}

/**
 * Inserts works of sagas' steps, of distinct ids, by one statement whose answer is not awaited. Each is treated as
 * `insertWork` does. `failed`: see `sendAhead`. `isLast`: no savepoint around it can be rolled back. Then a call for
 * which a worker of this process has a free place is born claimed: the worker makes it after the commit.
 */
export async function insertStepWorks<DB>(
  tx: Transaction<DB>,
  works: readonly PlainWork[],
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
      if (gone) alertGone(work.effect, work.key);
      if (made && held && place !== undefined) place.begin(bornClaimed(work, answer, place));
      else place?.free();
      if (made && !held) announce(db, { id, effect: work.effect, dueMs: work.dueMs ?? 0 });
    }
  });
  const asked = works.find(({ unlessStepIs }) => unlessStepIs !== undefined)?.unlessStepIs ?? [];
  const rows = works.map((work) => ({ work, place: reserved.get(work.id) }));
  await sendAhead<DB, Answer>(tx, insertion(rows, asked), {
    answered: (given) => (answers = given),
    failed,
  });
}

/** Reserves places for the calls that a worker of this process may begin when they are committed, by the ids of the works. */
async function reservePlaces<DB>(
  tx: Transaction<DB>,
  works: readonly PlainWork[],
): Promise<ReadonlyMap<string, Reserved>> {
  const reserved = new Map<string, Reserved>();
  const calls = works.filter(({ events }) => events !== undefined);
  if (calls.length === 0) return reserved;
  const db = await afterRollback(tx, () => {
    for (const place of reserved.values()) place.free();
  });
  if (db === undefined) return reserved;
  for (const { id, effect } of calls) {
    const place = reservePlace(db, effect);
    if (place !== undefined) reserved.set(id, place);
  }
  return reserved;
}

/** Returns what a claim of the row would, had it been ready a moment before. */
function bornClaimed(
  { id, consumer, handler, effect, op, key, idempotencyKey, input, cause, events = '[]' }: PlainWork,
  { term, created_at: createdAt }: Answer,
  { finalMs }: Reserved,
): ClaimedWork {
  return {
    ...{ id, consumer, handler, effect, op, key, idempotencyKey, cause, createdAt, term, finalMs },
    ...{ input: inputWith(events, input), found: 'ready', outcome: undefined, story: [] },
    ...{
      attempts: 0,
      queries: 0,
      ageMs: 0,
      finalInMs: finalMs,
      doubt: false,
      doubtUntil: null,
      covered: false,
    },
  };
}
