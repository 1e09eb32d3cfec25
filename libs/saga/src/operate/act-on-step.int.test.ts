import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { placed } from '../fixture/order-saga.ts';
import { moods, place, type Placed, scene } from '../fixture/order-scene.ts';
import { by, fact, failed, openScene, resolve, seen } from '../fixture/operated-scene.ts';
import { verifyJournals } from '../verify/verify-journals.ts';
import { retryStep } from './act-on-step.ts';
import type { StatedOutcome } from './stated-outcome.ts';

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

  it('a local step of unknown outcome continues when an operator states that it took effect', async () => {
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

  // Planted fault: a retry that leaves the fence as it is has its event skipped, and the saga waits for ever.
  it('a local step of unknown outcome is retried on an operator’s request', async () => {
    const one = await unknown();
    moods.set('pay', one.id, undefined);
    const { parked } = await retryStep(scene.database, { instance: one.instance, step: 'pay' }, by);
    expect(parked).toHaveLength(1);
    await seen(one, 'completed');
    expect(await persons(one)).toEqual(['retry: alice, the ledger shows it']);
  });
});

describe('a step behind the pivot that was given up', () => {
  const given = async (): Promise<Placed> => {
    const one = await place({ confirm: 'not_applied' });
    await seen(one, 'stuck: confirm waits for an operator: BROKE');
    return one;
  };
  const at = ({ instance }: Placed) => ({ instance, step: 'confirm' });

  it('a stuck step behind the pivot is released by a retry, waits again when that fails, and ends with a retry that works', async () => {
    const one = await given();
    await retryStep(scene.database, at(one), by);
    await waitUntil(async () => (await emitted(one)) === 'stuck released stuck', {
      what: 'it to wait again',
    });
    await seen(one, 'stuck: confirm waits');
    moods.set('confirm', one.id, undefined);
    await retryStep(scene.database, at(one), by);
    await seen(one, 'completed');
    expect(await emitted(one)).toBe('stuck released stuck released');
    expect(await persons(one)).toHaveLength(2);
  });

  // Planted fault: without `skipParkedOf` its dead letter holds the key, and the next saga on it never gets this far.
  it('a stuck step behind the pivot ends by the outcome that an operator states, and its key continues', async () => {
    const one = await given();
    await resolve(one, 'confirm', fact('test.confirmed', one.id));
    await seen(one, 'completed');
    moods.set('confirm', one.id, undefined);
    const next = await scene.emit(placed({ order: one.id }));
    await seen({ id: one.id, instance: next }, 'completed');
  });
});

describe('an undo that has failed for too long', () => {
  const late = async (): Promise<Placed> => {
    const one = await place({ ship: 'reject', pay: 'undo_fails' });
    await seen(one, 'stuck: the undo of pay waits for an operator');
    return one;
  };

  // Planted fault: without the mark of overdue work and the hook's look at the fence the stuck event is emitted again and
  // again. Either alone is enough.
  it('an undo that has failed for too long alerts an operator once, is retried, and ends when it works', async () => {
    const one = await late();
    const called = moods.calls.get(`undo pay ${one.id}`) ?? 0;
    const tries = async (): Promise<boolean> => {
      await scene.hurry(one.instance);
      return (moods.calls.get(`undo pay ${one.id}`) ?? 0) > called + 2;
    };
    await waitUntil(tries, { what: 'more attempts' });
    expect(await emitted(one)).toBe('stuck');
    moods.set('pay', one.id, undefined);
    await scene.until(one.instance, 'pay:undone reserve:undone ship:rejected', { hurried: true });
    await seen(one, 'compensated');
  });

  it('an undo that has failed for too long ends when an operator states that it was done by hand', async () => {
    const one = await late();
    await expect(resolve(one, 'pay', failed('NO'))).rejects.toMatchObject({
      code: 'STEP_OUTCOME_INVALID',
    });
    await resolved(one, fact('test.refunded', one.id));
    await seen(one, 'compensated');
    expect(await persons(one)).toEqual(['undone: alice, the ledger shows it']);
  });

  it('an undo that has failed for too long ends when an operator accepts that the effect stays, and the steps before it are undone', async () => {
    const one = await late();
    await resolved(one, { kind: 'effect_stays' });
    await seen(one, 'compensated');
    const left = await scene.rows<{ did: string }>(
      `select step || ' ' || what as did from done where order_id = $1 order by line`,
      [one.id],
    );
    expect(left.map(({ did }) => did)).toEqual(['reserve apply', 'pay apply', 'reserve undo']);
  });

  /** The worker may hold the row at the moment. */
  async function resolved(one: Placed, word: StatedOutcome): Promise<void> {
    await waitUntil(
      () =>
        resolve(one, 'pay', word).then(
          () => true,
          (error: unknown) => {
            if ((error as { code?: string }).code === 'WORK_NOT_RESOLVABLE') return false;
            throw error;
          },
        ),
      { what: 'no worker to hold it' },
    );
  }
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

it('the journals of all sagas that operators acted on have no flaw, and each compensation has a cause', async () => {
  const { executor } = scene.database;
  expect((await verifyJournals([executor])).findings).toEqual([]);
});

/** The stuck events of a step, in order. */
async function emitted({ id }: Placed): Promise<string> {
  const rows = await scene.rows<{ is: string }>(
    `select payload::json ->> 'is' as is from converge.outbox where key = $1 and type = 'converge.stuck' order by id`,
    [id],
  );
  return rows.map((row) => row.is).join(' ');
}
