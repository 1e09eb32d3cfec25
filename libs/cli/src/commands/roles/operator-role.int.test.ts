import type { Executor } from '@convergekit/postgres';
import { defineReconciler, from, reportKeys } from '@convergekit/reconcile';
import { approveRepairs } from '@convergekit/reconcile/operate';
import { forgetTopic, readHeld, recordAcceptance } from '@convergekit/relay/operate';
import { readSagaRecords } from '@convergekit/saga/operate';
import { describe, expect, it } from 'vitest';
import { declareSources } from '../../../../inbox/src/member/source-sql.ts';
import { countGivenUp } from '../../../../inbox/src/park/given-up-sql.ts';
import { rolesScene } from '../../fixture/roles-scene.ts';

const audited = (age: string): string =>
  `insert into converge.reconcile_audit (reconciler, why, cause, actor, at) values ('r', '', '', '', now() - interval '${age}')`;
const { as, during } = rolesScene(
  audited('1 hour'),
  audited('2 days'),
  `insert into converge.relay_topic (topic, partitions, held_at, held_reason, term)
   values ('shop.gone', 1, 1, 'TOPIC_UNKNOWN: deleted', 1)`,
  `insert into converge.relay_cursor (topic, partition, epoch, tick, id, term) values ('shop.gone', 0, 1, 0, 0, 1)`,
);

describe('the audit of reconcilers', () => {
  // Seen to fail without `security definer` (42501).
  it('a reconciler removes only audit rows that are a day old', async () => {
    const removed = (count: number): string =>
      `do $$ begin assert converge.reconcile_audit_prune(0, 10) = ${count}; end $$`;
    expect(await as('converge_reconciler', removed(1), removed(0))).toBe('00000');
    expect(await as('converge_operator', removed(1))).toBe('42501');
  });

  // Seen to fail: a row of the day before yesterday was written and removed at once.
  it('a reconciler chooses neither the time nor the number of an audit row', async () => {
    const row = `insert into converge.reconcile_audit (reconciler, why, cause, actor) values ('r', '', '', '')`;
    expect(await as('converge_reconciler', row)).toBe('00000');
    expect(await as('converge_reconciler', audited('2 days'))).toBe('42501');
    const numbered = `insert into converge.reconcile_audit (id, reconciler, why, cause, actor) overriding system value values (7, 'r', '', '', '')`;
    expect(await as('converge_reconciler', numbered)).toBe('42501');
  });

  it('an operator approves held repairs, with an audit row', async () => {
    const approval = { reconciler: 'r', repairs: 3, forMs: 60_000, by: 'ann', reason: 'checked' };
    await during('converge_operator', async (executor) => {
      await executor.query(
        `insert into converge.reconciler (name, held_at, held_reason) values ('r', now(), 'too many')`,
      );
      expect(await approveRepairs(executor, approval)).toMatchObject({ held: 'too many' });
      const { rows } = await executor.query(
        `select by, reason from converge.audit where act = 'reconcile approve'`,
      );
      expect(rows).toEqual([{ by: 'ann', reason: 'checked' }]);
    });
  });
});

describe('the audit of operators', () => {
  const act = `select converge.record_act('parked skip', 'event', 'e', 'ann', 'not ours', null, null)`;

  // Planted fault: without `security definer` the operator may not call it (42501).
  it('G5m: an operator records an act by the function alone, which takes the login and the time itself; no other duty may', async () => {
    await during('converge_operator', async (executor) => {
      await executor.query(act);
      const { rows } = await executor.query(
        `select role = session_user as "isLogin", at between transaction_timestamp() and clock_timestamp() as "isNow" from converge.audit`,
      );
      expect(rows).toEqual([{ isLogin: true, isNow: true }]);
    });
    for (const other of [
      `insert into converge.audit (at, role, by, act, subject_kind, subject_id, before, after, reason)
       values (now(), 'bob', 'bob', 'parked skip', 'event', 'e', '{}', '{}', 'x')`,
      `update converge.audit set by = 'bob'`,
      'delete from converge.audit',
    ])
      expect(await as('converge_operator', act, other)).toBe('42501');
    for (const duty of ['writer', 'consumer', 'relay', 'reconciler', 'read'])
      expect(await as(`converge_${duty}`, act)).toBe('42501');
  });

  // Planted fault: without the grant the give-up limit of a consumer cannot be counted (42501).
  it('a consumer counts what it gave up since it was resumed', async () =>
    expect(await during('converge_consumer', (executor) => countGivenUp(executor, 'stock'))).toBe(0));
});

// Planted fault: without the right to update its row a consumer with `failureSources` does not start (42501).
it('a consumer declares the sources of failure events', async () => {
  const declared = { payments: '01990000-0000-7000-8000-000000000001' };
  const declare = (executor: Executor) =>
    declareSources(executor, 'stock', 'failures', new Map(Object.entries(declared)));
  expect(await during('converge_consumer', declare)).toBeUndefined();
});

// Planted fault: with the right to record what leaves, the owner's relay drops any table of the schema for an operator.
it('an operator sets the limit of the outbox, and does not choose what leaves it', async () => {
  const limit = 'update converge.source set max_bytes = null, refuse = false';
  expect(await as('converge_operator', limit)).toBe('00000');
  expect(await as('converge_operator', `update converge.source set leaving = '{audit}'`)).toBe('42501');
});

describe('the queue of reconcilers', () => {
  const stock = defineReconciler('stock', {
    keys: { scan: async function* () {} },
    desired: from<unknown>('shop').read(() => Promise.resolve(null)),
    actual: from<unknown>('shop').read(() => Promise.resolve(null)),
    compare: () => null,
    repair: () => Promise.resolve(0),
  });

  // Planted fault: without the grants on reconcile_key a handler cannot report a key (42501).
  it('a handler of a consumer reports keys in its transaction, and an operator reports them by name', async () => {
    const twice = async (executor: Executor, request: Parameters<typeof reportKeys>[3]): Promise<unknown> => {
      for (const key of ['a', 'a']) await reportKeys(executor, stock, [key], request);
      return (await executor.query('select key from converge.reconcile_key')).rows;
    };
    const event = { cause: 'event e' };
    const operator = { by: 'operator', actor: 'ann', reason: 'asked' } as const;
    expect(await during('converge_consumer', (executor) => twice(executor, event))).toEqual([{ key: 'a' }]);
    expect(await during('converge_operator', (executor) => twice(executor, operator))).toEqual([
      { key: 'a' },
    ]);
    await expect(during('converge_consumer', (executor) => twice(executor, operator))).rejects.toThrow(
      'permission denied for function record_act',
    );
  });
});

// Planted fault: without the right to insert a cursor `converge topics accept` waits for its drain, and is then refused (42501).
it('an operator accepts more partitions of a topic', async () => {
  const by = { by: 'ann', reason: 'asked' };
  const accept = (executor: Executor) => recordAcceptance(executor, 'shop.orders', 3, by);
  expect(await during('converge_operator', accept)).toBe(false); // nothing is held
});

// Planted fault: without the right to delete a topic and its cursors the command is refused (42501).
it('an operator forgets a topic that was deleted', async () => {
  const by = { by: 'ann', reason: 'asked' };
  const forget = async (executor: Executor) => {
    const held = await readHeld(executor, 'shop.gone');
    return held !== undefined && (await forgetTopic(executor, held, by));
  };
  expect(await during('converge_operator', forget)).toBe(true);
});

// Planted fault: without the right to compute seals the console's page of a saga fails for a login that only reads (42501).
it('a reader reads the records of a saga, with the seals of its journal', async () => {
  const read = (executor: Executor) => readSagaRecords(executor, { instance: 'i' });
  expect(await during('converge_read', read)).toMatchObject({ journal: [] });
});
