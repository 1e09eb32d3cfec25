import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { placed } from '../fixture/order-saga.ts';
import { moods, place, type Placed, scene } from '../fixture/order-scene.ts';
import { by, fact, failed, openScene, resolve, seen } from '../fixture/operated-scene.ts';
import { verifyJournals } from '../verify/verify-journals.ts';
import { retryStep } from './act-on-step.ts';

beforeAll(() => openScene(inject('stack').databaseUrl));
afterAll(() => scene.close());

/** Rows of the journal with an operator in them: `trigger: actor, note`. */
async function persons({ instance }: Placed): Promise<readonly string[]> {
  const rows = await scene.rows<{ trigger: string; actor: string; note: string }>(
    'select trigger, actor, note from converge.saga_step where instance = $1 and actor is not null order by at',
    [instance],
  );
  return rows.map(({ trigger, actor, note }) => `${trigger}: ${actor}, ${note}`);
}

// Planted fault: a step that becomes stuck without its event leaves the observer at `running` until the saga is late.
describe('a local step of unknown outcome, without a query', () => {
  const unknown = async (): Promise<Placed> => {
    const one = await place({ pay: 'unknown' });
    await seen(one, 'stuck: pay waits for an operator: BROKE (it broke (unknown))');
    return one;
  };

  it('G6l: a local step of unknown outcome continues when an operator states that it took effect', async () => {
    const one = await unknown();
    await resolve(one, 'pay', fact('test.taken', one.id));
    await seen(one, 'completed');
    expect(await persons(one)).toEqual(['applied: alice, the ledger shows it']);
    expect(
      await scene.rows(`select from converge.parked where key = $1 and state = 'dead'`, [one.id]),
    ).toEqual([]);
    const doubt = await scene.rows<{ emitted: string }>(
      `select (payload::json ->> 'resolves') as emitted from converge.outbox where key = $1 and type = 'converge.failure'`,
      [one.id],
    );
    expect(doubt).toEqual([{ emitted: null }]);
  });

  it('a saga is compensated when an operator states that a step of unknown outcome had no effect, and the failure names the one that it resolves', async () => {
    const one = await unknown();
    await resolve(one, 'pay', failed('NOT_THERE'));
    await seen(one, 'compensated: pay failed: NOT_THERE');
    expect(await persons(one)).toEqual(['not_applied: alice, the ledger shows it']);
    const [first, second] = await scene.rows<{ event_id: string; resolves: string | null }>(
      `select event_id, payload::json ->> 'resolves' as resolves from converge.outbox
        where key = $1 and type = 'converge.failure' order by id`,
      [one.id],
    );
    expect(second?.resolves).toBe(first?.event_id);
  });
});

// Planted fault: without `skipParkedOf` its dead letter holds the key, and the next saga on it never gets this far.
it('a stuck step behind the pivot ends by the outcome that an operator states, and its key continues', async () => {
  const one = await place({ confirm: 'not_applied' });
  await seen(one, 'stuck: confirm waits for an operator: BROKE');
  await resolve(one, 'confirm', fact('test.confirmed', one.id));
  await seen(one, 'completed');
  moods.set('confirm', one.id, undefined);
  const next = await scene.emit(placed({ order: one.id }));
  await seen({ id: one.id, instance: next }, 'completed');
});

it('an undo that has failed for too long ends when an operator states that it was done by hand', async () => {
  const one = await place({ ship: 'reject', pay: 'undo_fails' });
  await seen(one, 'stuck: the undo of pay waits for an operator');
  await expect(resolve(one, 'pay', failed('NO'))).rejects.toMatchObject({ code: 'STEP_OUTCOME_INVALID' });
  // The worker may hold the row at the moment.
  const resolved = () =>
    resolve(one, 'pay', fact('test.refunded', one.id)).then(
      () => true,
      (error: unknown) => {
        if ((error as { code?: string }).code === 'WORK_NOT_RESOLVABLE') return false;
        throw error;
      },
    );
  await waitUntil(resolved, { what: 'no worker to hold it' });
  await seen(one, 'compensated');
  expect(await persons(one)).toEqual(['undone: alice, the ledger shows it']);
});

it('a retry or a stated outcome for a step that does not wait is refused', async () => {
  const one = await place({});
  await seen(one, 'completed');
  for (const step of ['pay', 'no-such'])
    await expect(retryStep(scene.database, { instance: one.instance, step }, by)).rejects.toMatchObject({
      code: 'STEP_NOT_WAITING',
    });
  await expect(resolve(one, 'pay', failed('NO'))).rejects.toMatchObject({ code: 'STEP_NOT_WAITING' });
});

it('S27, S57: the journals of all sagas that operators acted on have no flaw, and each compensation has a cause', async () => {
  const { executor } = scene.database;
  expect((await verifyJournals([executor])).findings).toEqual([]);
});
