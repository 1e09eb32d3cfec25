import { dropType } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { describe, expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { as, during } = rolesScene(
  `insert into converge.inbox_consumer (name, types) values ('stock', '{"orders": {"placed": "h"}}')`,
);

const audited = `select act, subject_kind as kind, subject_id as subject, by, reason, before, after, role = session_user as "isLogin"
  from converge.audit order by id`;
const rows = async (executor: Executor, statement: string) => (await executor.query(statement)).rows;

const pause = `select converge.act_saga_pause('trip', 'i', 'ann', 'looking')`;
const resume = `select converge.act_saga_resume('trip', 'i', 'ann', 'found', '{"work": 0}')`;
const drop = `select converge.act_consumers_types_drop('stock', 'placed', null, 'ann', 'gone')`;

describe('an act of an operator is a function of the owner', () => {
  // Planted fault: with rights on the table an operator pauses a saga, or ends a pause, and no row says so.
  it.each([
    ['pause a saga', `insert into converge.saga_pause (saga, by, reason) values ('trip', 'ann', 'looking')`],
    ['resume a saga', 'delete from converge.saga_pause'],
    ['withdraw a type', `update converge.inbox_consumer set types = '{}'`],
    [
      'withdraw a type by the function of consumers',
      `select converge.inbox_drop_type('stock', 'placed', null)`,
    ],
  ])('an operator cannot %s without it', async (_, statement) =>
    expect(await as('converge_operator', statement)).toBe('42501'),
  );

  it('a pause and its end leave a row each, and a repeat leaves none', async () =>
    during('converge_operator', async (executor) => {
      for (const act of [pause, pause, resume, resume]) await executor.query(act);
      const row = { kind: 'saga', subject: 'i', by: 'ann', before: { saga: 'trip' }, isLogin: true };
      expect(await rows(executor, audited)).toEqual([
        { ...row, act: 'saga pause', reason: 'looking', after: {} },
        { ...row, act: 'saga resume', reason: 'found', after: { work: 0 } },
      ]);
      expect(await rows(executor, 'select from converge.saga_pause')).toEqual([]);
    }));

  it('a type that is withdrawn leaves a row', async () =>
    during('converge_operator', async (executor) => {
      const operator = { by: 'ann', reason: 'gone' };
      await dropType(executor, { consumer: 'stock', type: 'placed', topic: 'orders' }, operator);
      const before = { type: 'placed', topic: 'orders' };
      expect(await rows(executor, audited)).toEqual([
        {
          act: 'consumers types drop',
          kind: 'consumer',
          subject: 'stock',
          ...operator,
          before,
          after: {},
          isLogin: true,
        },
      ]);
      expect(await rows(executor, `select types from converge.inbox_consumer`)).toEqual([
        { types: { orders: {} } },
      ]);
    }));

  // Planted fault: the row is written whatever was withdrawn. The audit then has an act on a consumer that does not exist.
  it('a withdrawal that changes nothing leaves no row', async () =>
    during('converge_operator', async (executor) => {
      const operator = { by: 'ann', reason: 'gone' };
      const drops = async (consumer: string, type: string, topic?: string) =>
        dropType(executor, { consumer, type, topic }, operator);
      expect([
        await drops('absent', 'placed'),
        await drops('stock', 'unknown'),
        await drops('stock', 'placed', 'another'),
      ]).toEqual([false, false, false]);
      expect(await rows(executor, audited)).toEqual([]);
      expect([await drops('stock', 'placed'), await drops('stock', 'placed')]).toEqual([true, false]);
      expect(await rows(executor, audited)).toHaveLength(1);
    }));

  // Functions of the owner: with the caller's search path, these would run as the owner what the caller made.
  it('what a caller gives an act is data, and what a caller names before the catalog is not used', async () =>
    during('converge_operator', async (executor) => {
      const text = `x'); drop table converge.audit; --`;
      for (const made of [
        'create temporary table saga_pause (like converge.saga_pause)',
        'create temporary table audit (like converge.audit)',
        `create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select timestamptz ''-infinity'''`,
        `create function pg_temp.jsonb_build_object(text, text) returns jsonb language sql as 'select null::jsonb'`,
        'set local search_path = pg_temp, converge, pg_catalog',
      ])
        await executor.query(made);
      await executor.query('select converge.act_saga_pause($1, $2, $3, $4)', [text, text, text, text]);
      await executor.query('select converge.act_saga_resume($1, $2, $3, $4, $5)', [
        text,
        text,
        text,
        text,
        '{}',
      ]);
      await executor.query('select converge.act_consumers_types_drop($1, $2, $3, $4, $5)', [
        'stock',
        'placed',
        null,
        text,
        text,
      ]);
      await executor.query('set local search_path = pg_catalog');
      const found = await rows(
        executor,
        `select act, by, reason, at > now() - interval '1 minute' as "isNow" from converge.audit order by id`,
      );
      expect(found).toEqual(
        ['saga pause', 'saga resume', 'consumers types drop'].map((act) => ({
          act,
          by: text,
          reason: text,
          isNow: true,
        })),
      );
      expect(
        await rows(executor, 'select from pg_temp.saga_pause union all select from pg_temp.audit'),
      ).toEqual([]);
    }));

  it.each(['writer', 'consumer', 'relay', 'reconciler', 'read'])(
    'a login with the role of a %s does none',
    async (duty) => {
      for (const act of [pause, resume, drop]) expect(await as(`converge_${duty}`, act)).toBe('42501');
    },
  );
});
