import { afterCommit, sendAhead, sizeUnknownSql, sqlState } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { announce } from './announce.ts';
import { alertGone, type StepWork } from './insert-sql.ts';
import { WORKER_GONE_MS } from './worker-sql.ts';

/** Work that is due now or later, and is neither stuck nor of unknown outcome. */
type PlainWork = Omit<StepWork, 'stuck' | 'unknownForMs'>;

interface Answer {
  readonly id: string;
  readonly made: boolean;
  /** The worker has not said for long that it is there. */
  readonly gone: boolean;
}

// As the insert of one work, for many: see `insertStepWork`. The fences are found by their primary key, one after the
// other in the order of the rows. An effect that no worker has declared is null, which the table refuses (23502).
const insertSql = `
  with given as materialized (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::float8[], $16::boolean[])
      with ordinality as g (id, consumer, handler, effect, key, idempotency_key, input, cause,
        saga, instance, step, op, state, outcome, due_ms, asks, at)
     ${sizeUnknownSql}),
  fence as materialized (
    select given.id, held.state from given cross join lateral (
      select f.state from converge.saga_fence f
       where f.saga = given.saga and f.instance = given.instance and f.step = given.step for update) as held
     where given.asks),
  made as (
    insert into converge.saga_work
      (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op, state, outcome, due_at,
       waits_since)
    select given.id, given.consumer, given.handler, worker.effect, given.key, given.idempotency_key, given.input,
        given.cause, given.saga, given.instance, given.step, given.op, given.state, given.outcome, times.due, times.due
      from given left join converge.saga_worker worker on worker.effect = given.effect
     cross join lateral (select clock_timestamp() + given.due_ms * interval '1 millisecond' as due) as times
     where not exists (select from fence where fence.id = given.id and fence.state = any ($17::text[]))
     order by given.at
    on conflict (id) do nothing
    returning id)
  select given.id, made.id is not null as made,
      worker.seen_at < clock_timestamp() - ${WORKER_GONE_MS} * interval '1 millisecond' as gone
    from given join converge.saga_worker worker on worker.effect = given.effect left join made on made.id = given.id`;

/** True for the error of an insert that refused one of its works: no worker has ever declared the effect here. */
export function isRefusedWork(error: unknown): boolean {
  return sqlState(error) === '23502';
}

/**
 * Inserts works of sagas' steps, of distinct ids, by one statement whose answer is not awaited. Each is treated as
 * `insertStepWork` does. `failed`: see `sendAhead`.
 */
export async function insertStepWorks<DB>(
  tx: Transaction<DB>,
  works: readonly PlainWork[],
  failed: (error: unknown) => unknown,
): Promise<void> {
  let answers: readonly Answer[] = [];
  const byId = new Map(works.map((work) => [work.id, work]));
  await afterCommit(tx, (db) => {
    for (const { id, made, gone } of answers) {
      const work = byId.get(id);
      if (work === undefined) continue;
      if (gone) alertGone(work.effect, work.key);
      if (made) announce(db, { id, effect: work.effect, dueMs: work.dueMs ?? 0 });
    }
  });
  const asked = works.find(({ unlessStepIs }) => unlessStepIs !== undefined)?.unlessStepIs ?? [];
  await sendAhead<DB, Answer>(tx, {
    text: insertSql,
    values: [...columnsOf(works), asked],
    answered: (rows) => (answers = rows),
    failed,
  });
}

function columnsOf(works: readonly PlainWork[]): readonly unknown[] {
  const column = (of: (work: PlainWork) => unknown) => works.map(of);
  return [
    column(({ id }) => id),
    column(({ consumer }) => consumer),
    column(({ handler }) => handler),
    column(({ effect }) => effect),
    column(({ key }) => key),
    column(({ idempotencyKey }) => idempotencyKey),
    column(({ input }) => input),
    column(({ cause }) => JSON.stringify(cause)),
    column(({ saga }) => saga),
    column(({ instance }) => instance),
    column(({ step }) => step),
    column(({ op }) => op),
    column(({ outcome }) => (outcome === undefined ? 'ready' : 'answered')),
    column(({ outcome }) => (outcome === undefined ? null : JSON.stringify(outcome))),
    column(({ dueMs = 0 }) => dueMs),
    column(({ unlessStepIs }) => unlessStepIs !== undefined),
  ];
}
