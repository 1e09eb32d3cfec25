import type { Executor } from '@convergekit/postgres';
import {
  ago,
  emitted,
  fence,
  instance,
  key,
  parked,
  partition,
  type Work,
  work,
  workflow,
} from './waiting-rows.ts';

/** How a state of the table of waiting is made by rows, and what shows it to an operator then. */
export interface MadeWait {
  /** Rows of docs/guides/waiting.md that it makes. */
  readonly states: readonly string[];
  readonly alarm: string;
  /** A part of the text, with the reason. */
  readonly text: string;
  /** Makes it, as if it had begun so many seconds ago. */
  readonly make: (executor: Executor, seconds: number) => Promise<unknown>;
  /** It is shown from its beginning on: its bound is another one, or it waits for an operator. */
  readonly atOnce?: true;
}

const wait = (code: string, number: number): MadeWait => ({
  states: ['partition paused', 'inbox_partition.running'],
  alarm: code,
  text: `orders waits (1 partition), as its process noted: why ${code}`,
  make: partition({ partition: number, wait: code }),
});
const step = (state: string): MadeWait => ({
  states: [`saga_fence.${state}`],
  alarm: 'journal_overdue',
  text: `step ${state} of order of key k is ${state}`,
  make: fence(state),
});
const call = (state: string, one: Work, more: readonly string[] = []): MadeWait => ({
  states: [`saga_work.${state}`, ...more],
  alarm: 'calls_waiting',
  text: `1 call of ${one.call} waits: ${one.code === undefined ? 'no attempt was made yet' : `the last failure is mostly ${one.code}`}`,
  make: work(one),
});
const saga = (state: string, states: readonly string[]): MadeWait => ({
  states,
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
  call('ready', { call: 'ready', state: 'ready' }, ['saga_work op call']),
  call('ready', { call: 'refused', state: 'ready', code: 'HTTP_500' }, ['saga_work op call']),
  call('calling', { call: 'calling', state: 'calling', op: 'apply', code: 'TIMEOUT' }, [
    'saga_work op apply',
  ]),
  call('unknown', { call: 'unknown', state: 'unknown', op: 'resolve', code: 'LOST' }, [
    'saga_work op resolve',
  ]),
  // The `noop` of a step without an effect, which cannot be made: its undo is answered, and its event is not.
  call('answered', { call: 'answered', state: 'answered', op: 'compensate', code: 'TypeError' }, [
    'saga_work op compensate',
    ...['rejected', 'failed_not_applied', 'tombstoned', 'undone'].map((state) => `saga_fence.${state}`),
  ]),
  call('ready', { call: 'cancel', state: 'ready', op: 'cancel' }, ['saga_work op cancel']),
  call('ready', { call: 'deadline', state: 'ready', op: 'deadline' }, ['saga_work op deadline']),
  call('ready', { call: 'expire', state: 'ready', op: 'expire' }, ['saga_work op expire']),
  {
    states: ['saga_work.stuck'],
    alarm: 'call_late',
    text: 'call held of key k is stuck',
    make: work({ call: 'held', state: 'stuck' }),
    atOnce: true,
  },
  ...['running', 'compensating'].map((state): MadeWait => ({
    states: [`workflow.${state}`],
    alarm: 'journal_overdue',
    text: `workflow refund is ${state}`,
    make: workflow(state),
  })),
  {
    states: ['workflow.stuck'],
    alarm: 'workflow_stuck',
    text: 'workflow refund is stuck',
    make: workflow('stuck'),
    atOnce: true,
  },
  {
    states: ['parked_key.waiting', 'parked.waiting'],
    alarm: 'exhausted',
    text: 'orders: 1 event waits of 1 key of shop, DOWN (service)',
    make: parked('waiting'),
    atOnce: true,
  },
  {
    states: dead,
    alarm: 'exhausted',
    text: 'orders: 1 dead letter of 1 key of shop, DOWN (service)',
    make: parked('dead'),
    atOnce: true,
  },
  ...(['data', 'bug'] as const).map((category): MadeWait => ({
    states: dead,
    alarm: category,
    text: `orders: 1 dead letter of 1 key of shop, BAD (${category})`,
    make: parked('dead', category, 'BAD'),
    atOnce: true,
  })),
  {
    states: ['parked.waiting'],
    alarm: 'structural',
    text: 'orders: 1 event waits of 1 key of shop, 42703 (configuration)',
    make: parked('waiting', 'configuration', '42703'),
    atOnce: true,
  },
  ...[
    'breaker_open',
    'parked_cap',
    'systemic_fault',
    'fetch_stalled',
    'open_transaction',
    'type_ahead',
    'consumer_behind',
  ].map(wait),
  {
    states: ['inbox_partition.halted'],
    alarm: 'gap',
    text: 'orders is halted at shop/10: why gap',
    make: partition({ partition: 10, halt: 'gap' }),
    atOnce: true,
  },
  {
    states: ['reconcile_key.queued'],
    alarm: 'reconcile_keys_late',
    text: 'copy-queued-: 1 key is due, and no worker takes them',
    make: key('queued'),
  },
  {
    states: ['reconcile_key.running'],
    alarm: 'reconcile_keys_late',
    text: 'copy-running-: 1 key is due, and no worker takes them',
    make: key('running'),
  },
  {
    states: ['reconcile_key in flight'],
    alarm: 'reconcile_keys_late',
    text: 'copy-queued-an event is parked: 1 drift waits: an event is parked',
    make: key('queued', 'an event is parked'),
  },
  {
    states: ['reconcile_key.terminal'],
    alarm: 'reconcile_unresolvable',
    text: 'copy-terminal- leaves 1 key to an operator',
    make: key('terminal'),
    atOnce: true,
  },
  {
    states: ['reconcile_run.running', 'reconcile_run.interrupted'],
    alarm: 'reconcile_overdue',
    text: 'no process runs it',
    make: (executor, seconds) =>
      executor.query(
        `insert into converge.reconciler (name, next_start_at) values ('copy-late', ${ago(seconds)})`,
      ),
  },
  {
    states: ['topic flowing', 'topic catching_up', 'topic joining'],
    alarm: 'events_late',
    text: 'about 1 wait, the oldest for',
    make: emitted,
  },
  {
    states: ['topic halted'],
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
