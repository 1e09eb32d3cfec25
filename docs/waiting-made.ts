import type { AttentionItem } from '@convergekit/cli/operate';
import type { Executor } from '@convergekit/postgres';

/** How a state of the table of waiting is made by rows, and what shows it to an operator then. */
export interface MadeWait {
  /** Rows of docs/guides/waiting.md that it makes. */
  readonly states: readonly string[];
  readonly kind: AttentionItem['kind'];
  readonly alarm: string;
  /** A part of the text, with the reason. */
  readonly text: string;
  /** Makes it, as if it had begun so many seconds ago. */
  readonly make: (executor: Executor, seconds: number) => Promise<unknown>;
  /** It is shown from its beginning on: its bound is another one, or it waits for an operator. */
  readonly atOnce?: true;
}

const ago = (seconds: number): string => `clock_timestamp() - ${seconds} * interval '1 second'`;

const fence =
  (state: string, step = state) =>
  (executor: Executor, seconds: number) =>
    executor.query(
      `insert into converge.saga_fence (saga, instance, step, version, consumer, key, created_at, state, changed_at, stuck_since, cause_event)
       values ('order', $2, $2, 1, 'orders', 'k', ${ago(seconds)}, $1, ${ago(seconds)}, case when $1 = 'stuck' then ${ago(seconds)} end, 'e')`,
      [state, step],
    );

interface Work {
  readonly effect: string;
  readonly state: string;
  readonly op?: string;
  /** The code of its last failure. @default no attempt was made */
  readonly code?: string;
}

const work =
  ({ effect, state, op, code }: Work) =>
  (executor: Executor, seconds: number) =>
    executor.query(
      `insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause, story, state, stuck_reason, outcome,
                                       saga, instance, step, op, waits_since, created_at, due_at)
       values (gen_random_uuid(), 'orders', 'h', $1, 'k', 'k', '{}', '{"eventId":"e"}', $4, $2, case when $2 = 'stuck' then 'outcome_unknown' end,
               case when $2 = 'answered' then '{}' end, case when $3::text is not null then 'order' end,
               case when $3::text is not null then 'i' end, case when $3::text is not null then 's' end, $3,
               ${ago(seconds)}, ${ago(seconds)}, clock_timestamp() + interval '1 minute')`,
      [effect, state, op ?? null, code === undefined ? '[]' : storyOf(code)],
    );

/** A call that failed, and a query since that did not end its wait. */
const storyOf = (code: string): string =>
  JSON.stringify([
    { op: 'call', failure: { code, category: 'service' } },
    { op: 'query', found: 'not_found' },
  ]);

const instance = (state: string) => (executor: Executor, seconds: number) =>
  executor.query(
    `insert into converge.saga_instance (saga, instance, version, key, state, facts, first_at, expires_at, expired_at, changed_at)
     values ($1, 'i', 1, 'k', $2, '{}', ${ago(seconds)}, ${ago(seconds)}, case when $2 = 'expired' then ${ago(seconds)} end, ${ago(seconds)})`,
    [`order-${state}`, state],
  );

const workflow = (state: string) => (executor: Executor, seconds: number) =>
  executor.query(
    `insert into converge.workflow (workflow, id, input, state, stuck_reason, due_at, created_at)
     values ('refund', $1, '{}', $1, case when $1 = 'stuck' then 'irreversible' end, case when $1 <> 'stuck' then ${ago(seconds)} end, ${ago(seconds)})`,
    [state],
  );

/** A parked event of a key: it waits, or it is a dead letter that holds the key. */
const parked = (state: 'waiting' | 'dead') => async (executor: Executor, seconds: number) => {
  await executor.query(
    `insert into converge.parked_key (consumer, topic, key, partition, state, tail) values ('orders', 'shop', $1, 0, $1, 1)`,
    [state],
  );
  await executor.query(
    `insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, key, headers,
                                  category, certainty, code, reason, failure_event, parked_at)
     values (gen_random_uuid(), 'orders', 'shop', $1, 1, $1, 'h', 0, 1, 1, $1, '[]', 'service', 'not_applied', 'DOWN', 'r',
             gen_random_uuid(), ${ago(seconds)})`,
    [state],
  );
};

interface PartitionWait {
  readonly partition: number;
  readonly wait?: string;
  readonly halt?: string;
}

const partition =
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
const key = (state: string, waits?: string) => async (executor: Executor, seconds: number) => {
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

const emitted = async (executor: Executor, seconds: number) => {
  await executor.query(`select converge.emit('shop', 'k', 't', '{}', '{}')`);
  await executor.query(`update converge.outbox set created_at = ${ago(seconds)}`);
};

const wait = (code: string, number: number): MadeWait => ({
  states: ['partition paused', 'inbox_partition.running'],
  kind: 'partition_waits',
  alarm: code,
  text: `orders waits (1 partition): why ${code}`,
  make: partition({ partition: number, wait: code }),
});
const step = (state: string): MadeWait => ({
  states: [`saga_fence.${state}`],
  kind: 'saga',
  alarm: 'journal_overdue',
  text: `step ${state} of order of key k is ${state}`,
  make: fence(state),
});
const call = (state: string, one: Work, more: readonly string[] = []): MadeWait => ({
  states: [`saga_work.${state}`, ...more],
  kind: 'calls',
  alarm: 'calls_waiting',
  text: `1 call of ${one.effect} waits: ${one.code === undefined ? 'no attempt was made yet' : `the last failure is mostly ${one.code}`}`,
  make: work(one),
});
const saga = (state: string, states: readonly string[]): MadeWait => ({
  states,
  kind: 'saga_late',
  alarm: 'saga_expired',
  text: `1 saga of order-${state} is expired: not ended in time`,
  make: instance(state),
});
const dead = ['parked_key.dead', 'parked.dead'];

/** Every reason to wait in docs/guides/waiting.md. Its bound is between `YOUNG_S` and `OLD_S`. */
export const madeWaits: readonly MadeWait[] = [
  step('started'),
  step('unknown'),
  step('undo_pending'),
  {
    ...step('stuck'),
    states: ['saga_fence.stuck', 'saga_instance.stuck'],
    alarm: 'step_stuck',
    atOnce: true,
  },
  saga('running', ['saga_fence.applied', 'saga_fence.failed_applied', 'saga_instance.running']),
  saga('compensating', ['saga_instance.compensating']),
  { ...saga('expired', ['saga_instance.expired']), atOnce: true },
  call('ready', { effect: 'ready', state: 'ready' }, ['saga_work op effect']),
  call('ready', { effect: 'refused', state: 'ready', code: 'HTTP_500' }, ['saga_work op effect']),
  call('calling', { effect: 'calling', state: 'calling', op: 'apply', code: 'TIMEOUT' }, [
    'saga_work op apply',
  ]),
  call('unknown', { effect: 'unknown', state: 'unknown', op: 'resolve', code: 'LOST' }, [
    'saga_work op resolve',
  ]),
  // The `noop` of a step without an effect, which cannot be made: its undo is answered, and its event is not.
  call('answered', { effect: 'answered', state: 'answered', op: 'compensate', code: 'TypeError' }, [
    'saga_work op compensate',
    ...['rejected', 'failed_not_applied', 'tombstoned', 'undone'].map((state) => `saga_fence.${state}`),
  ]),
  call('ready', { effect: 'cancel', state: 'ready', op: 'cancel' }, ['saga_work op cancel']),
  call('ready', { effect: 'deadline', state: 'ready', op: 'deadline' }, ['saga_work op deadline']),
  call('ready', { effect: 'expire', state: 'ready', op: 'expire' }, ['saga_work op expire']),
  {
    states: ['saga_work.stuck'],
    kind: 'call',
    alarm: 'effect_late',
    text: 'call held of key k is stuck',
    make: work({ effect: 'held', state: 'stuck' }),
    atOnce: true,
  },
  ...['running', 'compensating'].map((state): MadeWait => ({
    states: [`workflow.${state}`],
    kind: 'workflow',
    alarm: 'journal_overdue',
    text: `workflow refund is ${state}`,
    make: workflow(state),
  })),
  {
    states: ['workflow.stuck'],
    kind: 'workflow',
    alarm: 'workflow_stuck',
    text: 'workflow refund is stuck',
    make: workflow('stuck'),
    atOnce: true,
  },
  {
    states: ['parked_key.waiting', 'parked.waiting'],
    kind: 'parked',
    alarm: 'exhausted',
    text: 'orders: 1 event waits of 1 key of shop, DOWN (service)',
    make: parked('waiting'),
    atOnce: true,
  },
  {
    states: dead,
    kind: 'dead_letters',
    alarm: 'exhausted',
    text: 'orders: 1 dead letter of 1 key of shop, DOWN (service)',
    make: parked('dead'),
    atOnce: true,
  },
  ...['breaker_open', 'parked_cap', 'systemic_fault', 'fetch_stalled', 'open_transaction', 'type_ahead'].map(
    wait,
  ),
  {
    states: ['inbox_partition.halted'],
    kind: 'partition',
    alarm: 'gap',
    text: 'orders is halted at shop/10: why gap',
    make: partition({ partition: 10, halt: 'gap' }),
    atOnce: true,
  },
  {
    states: ['reconcile_key.queued'],
    kind: 'reconciler',
    alarm: 'reconcile_keys_late',
    text: 'copy-queued-: 1 key is due, and no worker takes them',
    make: key('queued'),
  },
  {
    states: ['reconcile_key.running'],
    kind: 'reconciler',
    alarm: 'reconcile_keys_late',
    text: 'copy-running-: 1 key is due, and no worker takes them',
    make: key('running'),
  },
  {
    states: ['reconcile_key in flight'],
    kind: 'reconciler',
    alarm: 'reconcile_keys_late',
    text: 'copy-queued-an event is parked: 1 drift waits: an event is parked',
    make: key('queued', 'an event is parked'),
  },
  {
    states: ['reconcile_key.terminal'],
    kind: 'reconciler',
    alarm: 'reconcile_unresolvable',
    text: 'copy-terminal- leaves 1 key to an operator',
    make: key('terminal'),
    atOnce: true,
  },
  {
    states: ['reconcile_run.running', 'reconcile_run.interrupted'],
    kind: 'reconciler',
    alarm: 'reconcile_overdue',
    text: 'no process runs it',
    make: (executor, seconds) =>
      executor.query(
        `insert into converge.reconciler (name, next_start_at) values ('copy-late', ${ago(seconds)})`,
      ),
  },
  {
    states: ['topic flowing', 'topic catching_up', 'topic joining'],
    kind: 'relay',
    alarm: 'events_late',
    text: 'about 1 wait, the oldest for',
    make: emitted,
  },
  {
    states: ['topic halted'],
    kind: 'relay',
    alarm: 'topic_unknown',
    text: 'topic shop, TOPIC_UNKNOWN: gone',
    make: (executor) =>
      executor.query(
        `insert into converge.relay_topic (topic, held_at, held_reason, term) values ('shop', 1, 'TOPIC_UNKNOWN: gone', 1)`,
      ),
    atOnce: true,
  },
];

/** The states that only a log line shows, when their row leaves after `keepMs`: the saga itself is shown by its deadline. */
export const loggedAlone: readonly string[] = ['saga_join.begin', 'saga_join.undo'];
