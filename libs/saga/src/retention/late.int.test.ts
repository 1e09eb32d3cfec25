import { randomUUID } from 'node:crypto';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cancelled, declined, type Mood, order, type Step } from '../fixture/order-saga.ts';
import { place, type Placed, scene } from '../fixture/order-scene.ts';
import {
  age,
  COMPLETED,
  did,
  ended,
  idOf,
  openScene,
  repeat,
  rowsOf,
  untilHandled,
  sweep,
  publish,
} from '../fixture/swept-scene.ts';
import { WITHOUT_TRIGGERS } from '../../../testing/src/fixture/any-table.ts';
import { readSagaRecords } from '../operate/records-sql.ts';
import { resolveStep } from '../operate/act-on-step.ts';
import { verifyJournal } from '../verify/verify-journal.ts';

beforeAll(() => openScene(inject('stack').databaseUrl));
afterAll(() => scene.close());

describe('a run whose records were removed', () => {
  const swept = async (some: Partial<Record<Step, Mood>>, fences: string): Promise<Placed> => {
    const one = await ended(100, some, fences);
    await sweep();
    await sweep();
    expect(await rowsOf(one)).toEqual({});
    return one;
  };

  // Planted fault: without the horizon the start begins the saga anew: everything is reserved, paid and shipped twice.
  it('G6h: an event that is delivered again after the records of its run were removed has no effect', async () => {
    const one = await swept({}, COMPLETED);
    const other = await swept({ pay: 'reject' }, 'pay:rejected reserve:undone');
    const before = [await did(one), await did(other)];
    await repeat(one, ['test.placed', 'test.reserved', 'test.taken', 'test.handed']);
    await repeat(other, ['test.placed', 'test.declined', 'test.released']);
    await untilHandled();
    expect([await did(one), await did(other)]).toEqual(before);
    // The timer of the step runs again, and will be refused.
    for (const run of [one, other]) expect(Object.keys(await rowsOf(run))).not.toContain('saga_fence');
  });

  // Planted fault: without the horizon the step is tombstoned, and an undone event says what is not true.
  it('an undo that is requested after the records of its run were removed waits for an operator, and nothing is reported as undone', async () => {
    const one = await swept({}, COMPLETED);
    await publish(one, declined({ order: one.id }));
    await scene.until(one.instance, 'reserve:undo_pending');
    await untilHandled();
    expect(await scene.emitted(one.instance)).not.toContain('released');
    const [row] = await scene.rows<{ state: string; stuck_reason: string }>(
      `select state, stuck_reason from converge.saga_work where instance = $1 and op = 'compensate'`,
      [one.instance],
    );
    expect(row).toEqual({ state: 'stuck', stuck_reason: 'record_swept' });
    expect(await scene.emitted(one.instance)).toContain('stuck');
    await resolveStep(
      scene.database,
      { instance: one.instance, step: 'reserve' },
      { kind: 'fact', type: 'test.released', payload: JSON.stringify({ order: one.id }) },
      { by: 'alice', reason: 'the shelf shows it' },
      { sagas: [order.declaration] },
    );
    await scene.until(one.instance, 'reserve:undone');
    expect(verifyJournal(await readSagaRecords(scene.database.executor, { instance: one.instance }))).toEqual(
      [],
    );
  });

  // Planted fault: without the horizon the pivot is tombstoned, and all that had completed is undone.
  it('a cancellation is refused after the records of its run were removed', async () => {
    const one = await swept({}, COMPLETED);
    await publish(one, cancelled({ order: one.id }));
    await waitUntil(
      async () =>
        (
          await scene.rows(
            `select from converge.outbox where key = $1 and payload::json ->> 'code' = 'CANCEL_REFUSED'`,
            [one.id],
          )
        ).length === 1,
      { what: 'its refusal' },
    );
    expect(await rowsOf(one)).toEqual({});
  });

  it('a run whose id is older than the horizon is completed by new events', async () => {
    await sweep();
    const slow = await place({}, idOf(200));
    await scene.until(slow.instance, COMPLETED);
    expect(await did(slow)).toBe('reserve apply, pay apply, ship apply, confirm apply');
  });
});

// Planted fault: an undated run that leaves whole has no fence.
it('a run whose id has no start time keeps its bare fences, so that nothing takes effect twice', async () => {
  const one = await place({}, randomUUID());
  await scene.until(one.instance, COMPLETED);
  await age(one);
  await sweep();
  await sweep();
  expect(await rowsOf(one)).toEqual({ saga_fence: 4 });
  const before = await did(one);
  await repeat(one, ['test.placed', 'test.reserved']);
  await untilHandled();
  expect(await did(one)).toBe(before);
  expect(verifyJournal(await readSagaRecords(scene.database.executor, { instance: one.instance }))).toEqual(
    [],
  );
});

// Planted fault: without the look at its intent the undo of a bare fence is tried for ever, and fails each time.
it('an undo that is requested of a bare fence waits for an operator, and nothing is reported as undone', async () => {
  const one = await place({}, randomUUID());
  await scene.until(one.instance, COMPLETED);
  await age(one);
  await sweep();
  await sweep();
  await publish(one, declined({ order: one.id }));
  await scene.until(one.instance, COMPLETED.replace('reserve:applied', 'reserve:undo_pending'));
  await untilHandled();
  const work = `select state, stuck_reason from converge.saga_work where instance = $1 and op = 'compensate'`;
  expect(await scene.rows(work, [one.instance])).toEqual([{ state: 'stuck', stuck_reason: 'record_swept' }]);
  expect(await scene.emitted(one.instance)).not.toContain('released');
});

// Planted fault: a bare fence that is emptied only once keeps what came later for ever.
it('a bare fence that something reached later is emptied again when that is old', async () => {
  const one = await place({}, randomUUID());
  await scene.until(one.instance, COMPLETED);
  await age(one);
  await sweep();
  await sweep();
  const later = `{"at":"${new Date(Date.now() - 120 * 86_400_000).toISOString()}"}`;
  await scene.rows(
    `update converge.saga_fence set journal = array[$2], reason = 'a person', stripped_at = clock_timestamp() - interval '150 days',
       changed_at = clock_timestamp() - interval '120 days' where instance = $1 and step = 'pay' and ${WITHOUT_TRIGGERS}`,
    [one.instance, later],
  );
  await sweep();
  const bare = 'select reason, journal from converge.saga_fence where instance = $1 and step = $2';
  expect(await scene.rows(bare, [one.instance, 'pay'])).toEqual([{ reason: null, journal: [] }]);
});
