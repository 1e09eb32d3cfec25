import type { Executor } from 'convergekit/postgres';
import { WITHOUT_TRIGGERS } from '../../libs/testing/src/fixture/any-table.ts';

/** The person who is erased: in every column that can mention one. */
export const PERSON = 'ada@canary.example';

export type Row = Readonly<Record<string, unknown>>;

/** Writes one row into a table of the kit. A journal of long ago is what the table refuses. */
export async function insert(executor: Executor, table: string, { journal, ...row }: Row): Promise<void> {
  const names = Object.keys(row);
  await executor.query(
    `insert into converge.${table} (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
  if (journal !== undefined)
    await executor.query(
      `update converge.saga_fence set journal = $1 where instance = $2 and ${WITHOUT_TRIGGERS}`,
      [journal, row['instance']],
    );
}

export const json = JSON.stringify({ email: PERSON });
const bytes = Buffer.from(json);
export const ended = new Date('2026-01-01T00:00:00Z');
export const uuid = (n: number): string => `00000000-0000-7000-8000-${n.toString().padStart(12, '0')}`;

export const parked = (n: number, state: string): Row => ({
  id: uuid(n),
  consumer: 'mail',
  topic: 'orders',
  line: state === 'waiting' ? `k${n}` : null,
  seq: state === 'waiting' ? 1 : null,
  state,
  handler: 'orders.placed',
  partition: 0,
  record_offset: n,
  timestamp_ms: 1,
  key: PERSON,
  record_key: bytes,
  headers: JSON.stringify([['name', PERSON]]),
  payload: bytes,
  edited: bytes,
  category: 'data',
  certainty: 'not_applied',
  code: 'INVALID',
  reason: `no such customer: ${PERSON}`,
  attempts: JSON.stringify([{ message: PERSON }]),
  note: PERSON,
  failure_event: uuid(n),
});

export const fence = (instance: string, state: string): Row => ({
  saga: 'order',
  instance,
  step: 'pay',
  version: 1,
  consumer: 'payments',
  key: PERSON,
  state,
  intent: json,
  result: json,
  undo: json,
  reason: PERSON,
  cause_event: 'e',
});

/** An entry of a journal. */
export const decided = (at: Date): string => JSON.stringify({ at, note: PERSON });

export const work = (n: number, row: Row): Row => ({
  id: uuid(n),
  consumer: 'mail',
  handler: 'orders.placed',
  call: 'send-mail',
  key: PERSON,
  idempotency_key: `${n}`,
  input: json,
  cause: json,
  story: json,
  ...row,
});

export const call = { state: 'done', ended_at: ended, outcome: json };
export const inRun = { saga: 'order', step: 'pay', op: 'apply' };

/** One row in each table, in a state from which nothing follows any more. */
export const endedRows: readonly (readonly [table: string, row: Row])[] = [
  ['request', { key: 'r1', request_hash: 'x', result: json }],
  [
    'phantom',
    {
      epoch: 2,
      topic: 'orders',
      partition: 0,
      log_offset: 1,
      kind: 'phantom',
      event_id: 'e',
      position: '1.1.1',
      type: 't',
      key: PERSON,
    },
  ],
  ['inbox_consumer', { name: 'mail' }],
  ['saga_pause', { saga: 'order', by: 'op', reason: `until ${PERSON} answers` }],
  ['relay_topic', { topic: 'quiet', held_at: 1, held_reason: `held for ${PERSON}`, term: 1 }],
  [
    'reconcile_run',
    {
      reconciler: 'orders',
      cause: 'schedule',
      state: 'failed',
      led: false,
      ended_at: ended,
      reason: `no customer ${PERSON}`,
    },
  ],
  ['parked', parked(0, 'rejected')],
  ['parked', parked(1, 'skipped')],
  ['parked', parked(2, 'superseded')],
  [
    'audit',
    {
      at: ended,
      role: 'ops',
      by: 'op',
      act: 'parked edit',
      subject_kind: 'event',
      subject_id: `event of ${PERSON}`,
      before: JSON.stringify({ consumer: 'mail', topic: 'orders', partition: 0, key: PERSON }),
      after: json,
      reason: `asked by ${PERSON}`,
    },
  ],
  [
    'inbox_attempt',
    {
      id: uuid(1),
      consumer: 'mail',
      handler: 'h',
      phase: 'apply',
      topic: 'orders',
      partition: 0,
      record_offset: 1,
      key: PERSON,
      number: 1,
      started_at: ended,
      duration_ms: 1,
      outcome: 'dead',
      category: 'data',
      certainty: 'not_applied',
      code: 'INVALID',
      message: `no such customer: ${PERSON}`,
    },
  ],
  ['saga_work', work(1, call)],
  ['saga_fence', { ...fence('ended', 'applied'), journal: [decided(ended)] }],
  ['saga_fence', { ...fence('ended-here', 'applied'), journal: [decided(ended)] }],
  [
    'saga_join',
    {
      saga: 'order',
      instance: 'ended',
      step: 'ship',
      waits_for: 'begin',
      awaits: '{pay}',
      members: JSON.stringify({ pay: json }),
    },
  ],
  ['saga_start', { saga: 'order', instance: 'ended', version: 1, key: PERSON }],
  [
    'saga_instance',
    {
      saga: 'order',
      instance: 'ended',
      version: 1,
      key: PERSON,
      state: 'completed',
      facts: json,
      first_at: ended,
      ended_at: ended,
    },
  ],
  [
    'workflow',
    {
      workflow: 'signup',
      input: json,
      id: 'ended',
      state: 'completed',
      result: json,
      ended_at: ended,
    },
  ],
  [
    'workflow_step',
    {
      workflow: 'signup',
      id: 'ended',
      seq: 1,
      kind: 'result',
      path: 'mail',
      data: json,
      term: 1,
    },
  ],
  [
    'reconcile_audit',
    {
      reconciler: 'orders',
      key: PERSON,
      desired: json,
      before: json,
      after: json,
      drift: json,
      why: 'w',
      cause: 'c',
      actor: 'a',
      term: 1,
    },
  ],
  [
    'reconcile_key',
    {
      reconciler: 'orders',
      key: 'k',
      state: 'terminal',
      priority: 0,
      next_at: ended,
      cause: 'c',
      reason: `unknown customer ${PERSON}`,
    },
  ],
];
