import { approveRepairs } from '@convergekit/reconcile/operate';
import { describe, expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { as, database } = rolesScene();

describe('the audit of reconcilers', () => {
  const row = (age: string) =>
    `insert into converge.reconcile_audit (reconciler, why, cause, actor, at) values ('r', '', '', '', now() - interval '${age}')`;

  // Seen to fail without `security definer` (42501).
  it('a reconciler removes only audit rows that are a day old', async () => {
    const removed = (count: number): string =>
      `do $$ begin assert converge.reconcile_audit_prune(0, 10) = ${count}; end $$`;
    expect(await as('converge_reconciler', row('1 hour'), row('2 days'), removed(1), removed(0))).toBe(
      '00000',
    );
    expect(await as('converge_operator', row('2 days'), removed(1))).toBe('42501');
  });

  it('an operator approves held repairs, with an audit row', async () => {
    const client = await database().acquire();
    try {
      await client.query('begin');
      await client.query(
        `insert into converge.reconciler (name, held_at, held_reason) values ('r', now(), 'too many')`,
      );
      await client.query('set local role converge_operator');
      const executor = {
        query: async (text: string, values?: unknown[]) => {
          const { rows, rowCount } = await client.query(text, values);
          return { rows, rowCount: rowCount ?? 0 } as never;
        },
      };
      const approval = { reconciler: 'r', repairs: 3, forMs: 60_000, by: 'ann', reason: 'checked' };
      expect(await approveRepairs(executor, approval)).toMatchObject({ held: 'too many' });
      const { rows } = await client.query(
        `select actor, why from converge.reconcile_audit where verdict = 'approved'`,
      );
      expect(rows).toEqual([{ actor: 'ann', why: 'checked' }]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
