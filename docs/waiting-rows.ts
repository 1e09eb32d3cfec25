import type { Executor } from '@convergekit/postgres';

/** The moment so many seconds before now, in SQL. */
export const ago = (seconds: number): string => `clock_timestamp() - ${seconds} * interval '1 second'`;

export const fence =
  (state: string, step = state) =>
  (executor: Executor, seconds: number) =>
    executor.query(
      `insert into converge.saga_fence (saga, instance, step, version, consumer, key, created_at, state, changed_at, stuck_since, cause_event)
       values ('order', $2, $2, 1, 'orders', 'k', ${ago(seconds)}, $1, ${ago(seconds)}, case when $1 = 'stuck' then ${ago(seconds)} end, 'e')`,
      [state, step],
    );

export interface Work {
  readonly call: string;
  readonly state: string;
  readonly op?: string;
  /** The code of its last failure. @default no attempt was made */
  readonly code?: string;
}

export const work =
  ({ call, state, op, code }: Work) =>
  (executor: Executor, seconds: number) =>
    executor.query(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, story, state, stuck_reason, outcome,
                                       saga, instance, step, op, waits_since, created_at, due_at)
       values (gen_random_uuid(), 'orders', 'h', $1, 'k', 'k', '{}', '{"eventId":"e"}', $4, $2, case when $2 = 'stuck' then 'outcome_unknown' end,
               case when $2 = 'answered' then '{}' end, case when $3::text is not null then 'order' end,
               case when $3::text is not null then 'i' end, case when $3::text is not null then 's' end, $3,
               ${ago(seconds)}, ${ago(seconds)}, clock_timestamp() + interval '1 minute')`,
      [call, state, op ?? null, code === undefined ? '[]' : storyOf(code)],
    );

/** A call that failed, and a query since that did not end its wait. */
const storyOf = (code: string): string =>
  JSON.stringify([
    { op: 'call', failure: { code, category: 'service' } },
    { op: 'query', found: 'not_found' },
  ]);

export const instance = (state: string) => (executor: Executor, seconds: number) =>
  executor.query(
    `insert into converge.saga_instance (saga, instance, version, key, state, facts, first_at, expires_at, expired_at, changed_at)
     values ($1, 'i', 1, 'k', $2, '{}', ${ago(seconds)}, ${ago(seconds)}, case when $2 = 'expired' then ${ago(seconds)} end, ${ago(seconds)})`,
    [`order-${state}`, state],
  );

export const workflow = (state: string) => (executor: Executor, seconds: number) =>
  executor.query(
    `insert into converge.workflow (workflow, id, input, state, stuck_reason, due_at, created_at)
     values ('refund', $1, '{}', $1, case when $1 = 'stuck' then 'irreversible' end, case when $1 <> 'stuck' then ${ago(seconds)} end, ${ago(seconds)})`,
    [state],
  );

/** A parked event of a key: it waits, or it is a dead letter that holds the key. */
export const parked =
  (state: 'waiting' | 'dead', category = 'service', code = 'DOWN') =>
  async (executor: Executor, seconds: number) => {
    const key = `${state}-${category}`;
    await executor.query(
      `insert into converge.parked_key (consumer, topic, key, partition, state, tail) values ('orders', 'shop', $1, 0, $2, 1)`,
      [key, state],
    );
    await executor.query(
      `insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, key, headers,
                                  category, structural, certainty, code, reason, failure_event, parked_at)
     values (gen_random_uuid(), 'orders', 'shop', $1, 1, $2, 'h', 0, 1, 1, $1, '[]', $3, $3 = 'configuration', 'not_applied', $4, 'r',
             gen_random_uuid(), ${ago(seconds)})`,
      [key, state, category, code],
    );
  };

interface PartitionWait {
  readonly partition: number;
  readonly wait?: string;
  readonly halt?: string;
}

export const partition =
  ({ partition: number, wait, halt }: PartitionWait) =>
  async (executor: Executor, seconds: number) => {
    await executor.query(
      `insert into converge.inbox_consumer (name) values ('orders') on conflict do nothing`,
    );
    await executor.query(
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset, state, halted_code, halted_reason, halted_at,
                                             wait_code, wait_reason, wait_since)
       values ('orders', 'shop', $1, 0, 0, case when $2::text is null then 'running' else 'halted' end, $2, 'why ' || $2,
               case when $2::text is not null then ${ago(seconds)} end, $3, 'why ' || $3, case when $3::text is not null then ${ago(seconds)} end)`,
      [number, halt ?? null, wait ?? null],
    );
  };

/** A key of a reconciler, due or held since then; and its reconciler. */
export const key = (state: string, waits?: string) => async (executor: Executor, seconds: number) => {
  const name = `copy-${state}-${waits ?? ''}`;
  await executor.query('insert into converge.reconciler (name) values ($1)', [name]);
  await executor.query(
    `insert into converge.reconcile_key (reconciler, key, state, priority, next_at, cause, reason, holder, term, leased_until, waits_since)
     values ($1, 'k', $2, 1, case when $3::text is null then ${ago(seconds)} else clock_timestamp() + interval '1 minute' end, 'x', $3,
             case when $2 = 'running' then 'h' end, 1, case when $2 = 'running' then ${ago(seconds)} end,
             case when $3::text is not null then ${ago(seconds)} end)`,
    [name, state, waits ?? null],
  );
};

export const emitted = async (executor: Executor, seconds: number) => {
  await executor.query(`select converge.emit('shop', 'k', 't', '{}', '{}')`);
  await executor.query(`update converge.outbox set created_at = ${ago(seconds)}`);
};
