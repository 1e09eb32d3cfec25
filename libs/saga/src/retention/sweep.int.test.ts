import { systemClock, systemRandom } from '@convergekit/core';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { joinMember } from '../fence/join-sql.ts';
import { place, scene } from '../fixture/order-scene.ts';
import {
  age,
  backdate,
  COMPLETED,
  ended,
  idOf,
  incomplete,
  openScene,
  rowsOf,
  sweep,
} from '../fixture/swept-scene.ts';
import { raiseHorizon, readHorizon } from './sweep-sql.ts';
import { sweepSagas } from './sweep.ts';

beforeAll(() => openScene(inject('stack').databaseUrl));
afterAll(() => scene.close());

describe('the records of a run', () => {
  // Planted fault: with the horizon raised and used in one round both runs leave in the first.
  it('G6h: the records of a run that ended long ago are removed below a horizon that was set before', async () => {
    const completed = await ended(100, {}, COMPLETED);
    const compensated = await ended(100, { pay: 'reject' }, 'pay:rejected reserve:undone');
    const recent = await ended(10, {}, COMPLETED);
    await scene.rows('delete from converge.saga_horizon');
    expect([await sweep(), Object.keys(await rowsOf(completed))]).toEqual([
      0,
      expect.arrayContaining(['saga_fence']),
    ]);
    expect(await sweep()).toBe(2);
    expect([await rowsOf(completed), await rowsOf(compensated)]).toEqual([{}, {}]);
    expect(await scene.fences(recent.instance)).toBe(COMPLETED);
  });

  // Planted faults: a horizon that is used before it has settled, and one that moves back.
  it('the records of a run stay until the horizon has settled, and it stays although more is to be kept', async () => {
    const { executor } = scene.database;
    const old = await ended(100, {}, COMPLETED);
    await scene.rows('delete from converge.saga_horizon');
    await sweep();
    const before = (await readHorizon(executor, 'test.order'))?.before;
    const keepMs = new Map([['test.order', 90 * 86_400_000]]);
    const options = { database: scene.database, keepMs, clock: systemClock, random: systemRandom };
    expect((await sweepSagas(options)).runs).toBe(0);
    await raiseHorizon(executor, 'test.order', 200 * 86_400_000);
    expect((await readHorizon(executor, 'test.order'))?.before).toBe(before);
    expect(await rowsOf(old)).toMatchObject({ saga_fence: 4 });
  });

  // Planted faults: a sweep that takes letters that no one closed, and those of other consumers.
  it('the records of a run leave with the dead letters that it closed at its steps, and with no others', async () => {
    const old = await ended(100, {}, COMPLETED);
    const made = await scene.rows<{ id: string }>(
      `insert into converge.parked (id, consumer, topic, state, handler, partition, record_offset, timestamp_ms, event_id, key, headers, closed,
          category, certainty, code, failure_event)
       select gen_random_uuid(), letter.consumer, 'orders', 'dead', 'h', 0, 0, 0, f.cause_event, f.key, '[]', letter.closed,
              'data', 'not_applied', 'X', gen_random_uuid()
         from converge.saga_fence f, (values ('inventory', 'undone'), ('inventory', null), ('other', 'undone')) as letter (consumer, closed)
        where f.instance = $1 and f.step = 'reserve' returning id`,
      [old.instance],
    );
    await sweep();
    expect([made.length, await rowsOf(old)]).toEqual([3, {}]);
    const left = await scene.rows(
      'select consumer, closed from converge.parked where id = any ($1::uuid[]) order by consumer',
      [made.map(({ id }) => id)],
    );
    expect(left).toEqual([
      { consumer: 'inventory', closed: null },
      { consumer: 'other', closed: 'undone' },
    ]);
  });

  // Planted faults: without the look at states, at work, at parked keys or at the last move, the run that has it leaves, and what
  // must still be undone, or said by an operator, is forgotten.
  it('the records of a run stay complete while the run is open in this service, however old they are', async () => {
    const stuck = await place({ ship: 'unknown' }, idOf(100));
    await scene.until(stuck.instance, 'pay:applied reserve:applied ship:stuck');
    await backdate(stuck);
    const working = await ended(100, {}, COMPLETED);
    await scene.rows(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op)
       values (gen_random_uuid(), 'payments', 'h', 'undeclared', 'k', 'i', '{}', '{}', 'test.order', $1, 'pay', 'compensate')`,
      [working.instance],
    );
    const parked = await ended(100, {}, COMPLETED);
    await scene.rows(
      `insert into converge.parked_key (consumer, topic, key, partition, state, tail) values ('payments', 'inventory', $1, 0, 'dead', 1)`,
      [parked.id],
    );
    // Retried after its key was released: the line has the name of its row.
    const retried = await ended(100, {}, COMPLETED);
    await scene.rows(
      `insert into converge.parked_key (consumer, topic, key, partition, state, tail)
       values ('payments', 'inventory', '00000000-0000-4000-8000-000000000001', 0, 'waiting', 1)`,
    );
    await scene.rows(
      `insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, key, headers)
       values ('00000000-0000-4000-8000-000000000001', 'payments', 'inventory', '00000000-0000-4000-8000-000000000001', 1, 'waiting',
               'h', 0, 0, 0, $1, '[]')`,
      [retried.id],
    );
    const moved = await ended(100, {}, COMPLETED);
    await scene.rows(
      `update converge.saga_fence set changed_at = now() where instance = $1 and step = 'ship'`,
      [moved.instance],
    );
    // Only the state keeps this run: the others wait with work, a parked key or a late move, too.
    const pending = await ended(100, {}, COMPLETED);
    await scene.rows(
      `update converge.saga_fence set state = 'undo_pending' where instance = $1 and step = 'pay'`,
      [pending.instance],
    );
    await sweep();
    await sweep();
    expect(await scene.fences(pending.instance)).toContain('pay:undo_pending');
    for (const one of [working, parked, retried, moved])
      expect(await scene.fences(one.instance)).toBe(COMPLETED);
    expect(await scene.fences(stuck.instance)).toBe('pay:applied reserve:applied ship:stuck');
    await scene.rows(`delete from converge.parked where key = $1`, [retried.id]);
    await scene.rows(
      `delete from converge.parked_key where key in ($1, '00000000-0000-4000-8000-000000000001')`,
      [parked.id],
    );
    await scene.rows(`delete from converge.saga_work where call = 'undeclared'`);
  });

  it('the records of a run stay complete while a trigger has locked one of its fences', async () => {
    const one = await ended(100, {}, COMPLETED);
    await scene.database.db.transaction().execute(async (tx) => {
      await sql`select from converge.saga_fence where instance = ${one.instance} and step = 'ship' for update`.execute(
        tx,
      );
      await sweep();
      expect(await scene.fences(one.instance)).toBe(COMPLETED);
    });
    await sweep();
    expect(await rowsOf(one)).toEqual({});
  });

  // Planted fault: without `incompleteJoins` a step that waited for its group leaves, and nothing says so.
  it('the removal of an incomplete join is logged with saga, run, step, the members that came and those that are missing', async () => {
    const awaits = ['test.taken', 'test.handed'];
    const join = (instance: string, step: string, waitsFor: 'begin' | 'undo', member: string) =>
      joinMember(
        scene.database.executor,
        { saga: 'test.order', instance, step },
        { waitsFor, awaits: waitsFor === 'undo' ? ['pay', 'ship'] : awaits },
        member,
        '{}',
      );
    // The run has only a join, as where a member of the group failed or its event never came.
    const waiting = { id: 'joined', instance: idOf(100) };
    await join(waiting.instance, 'confirm', 'begin', 'test.taken');
    const standing = await place({}, idOf(100));
    await scene.until(standing.instance, COMPLETED);
    await join(standing.instance, 'reserve', 'undo', 'ship');
    // The step after this join has been decided: the run continued.
    await join(standing.instance, 'confirm', 'begin', 'test.taken');
    for (const one of [waiting, standing]) await age(one);
    incomplete.splice(0);
    await sweep();
    await sweep();
    for (const one of [waiting, standing]) expect(await rowsOf(one)).toEqual({});
    expect(incomplete.toSorted((a, b) => a.step.localeCompare(b.step))).toEqual([
      {
        saga: 'test.order',
        instance: waiting.instance,
        step: 'confirm',
        waits_for: 'begin',
        come: ['test.taken'],
        missing: ['test.handed'],
      },
      {
        saga: 'test.order',
        instance: standing.instance,
        step: 'reserve',
        waits_for: 'undo',
        come: ['ship'],
        missing: ['pay'],
      },
    ]);
  });
});
