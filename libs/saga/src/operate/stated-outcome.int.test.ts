import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { order } from '../fixture/order-saga.ts';
import { place, type Placed, scene } from '../fixture/order-scene.ts';
import { by, fact, failed, observed, openScene, resolve, seen } from '../fixture/operated-scene.ts';
import { resolveStep, retryStep, waitingStep } from './act-on-step.ts';
import type { StatedOutcome } from './stated-outcome.ts';

beforeAll(() => openScene(inject('stack').databaseUrl));
afterAll(() => scene.close());

describe('an outcome that the declaration of the step does not allow', () => {
  const at = ({ instance }: Placed) => ({ instance, step: 'ship' });
  const given = async (): Promise<Placed> => {
    const one = await place({ ship: 'unknown' });
    await seen(one, 'stuck: ship waits for an operator');
    return one;
  };
  const everything = async ({ instance }: Placed): Promise<string> =>
    JSON.stringify([
      await scene.rows('select * from converge.saga_fence where instance = $1 order by step', [instance]),
      await scene.rows('select * from converge.saga_step where instance = $1 order by at, step, seq', [
        instance,
      ]),
      await scene.rows('select id, state, term, story, outcome from converge.saga_work where instance = $1', [
        instance,
      ]),
    ]);
  const payload = (one: Placed, more: object = {}): string =>
    JSON.stringify({ order: one.id, note: 'by hand', ...more });

  // Planted faults, each seen to fail here: a type that is not looked up (a mistyped success counts as a failure, and a parcel
  // that left is refunded), data that is not parsed, a key that is not compared, any code of a failure.
  it('a stated outcome that does not fit the declaration changes nothing, and the error names what was meant', async () => {
    const one = await given();
    const before = await everything(one);
    const refused = (word: StatedOutcome, message: string): Promise<void> =>
      expect(resolve(one, 'ship', word)).rejects.toMatchObject({
        code: 'STEP_OUTCOME_INVALID',
        message: expect.stringContaining(message) as string,
      });
    await refused(
      { kind: 'fact', type: 'test.hander', payload: payload(one) },
      'ship emits no test.hander (did you mean test.handed?); give test.handed or test.refused',
    );
    await refused(
      { kind: 'fact', type: 'test.released', payload: payload(one) },
      'ship emits no test.released',
    );
    await refused(
      { kind: 'fact', type: 'test.handed', payload: '{"order":1}' },
      'is not that of test.handed v1',
    );
    await refused({ kind: 'fact', type: 'test.handed', payload: '{' }, 'is not that of test.handed v1');
    await refused(
      { kind: 'fact', type: 'test.handed', version: 2, payload: payload(one) },
      'is not that of test.handed v2',
    );
    await refused(
      { kind: 'fact', type: 'test.handed', payload: payload(one, { order: 'another' }) },
      'an event of key "another", and ship is of',
    );
    await refused({ kind: 'failed', code: '' }, 'is no code of a failure');
    await refused({ kind: 'effect_stays' }, 'ship has no undo that waits');
    await expect(
      resolveStep(scene.database, at(one), fact('test.handed', one.id), by, { sagas: [] }),
    ).rejects.toMatchObject({ code: 'SAGA_NOT_DECLARED' });
    expect(await everything(one)).toBe(before);
    await resolve(one, 'ship', fact('test.handed', one.id));
    await seen(one, 'completed');
  });

  // Planted fault: without the look at its kind the failure is taken.
  it('a stated failure of a step behind the pivot is refused, because such a step cannot fail', async () => {
    const one = await place({ confirm: 'not_applied' });
    await seen(one, 'stuck: confirm waits');
    await expect(resolve(one, 'confirm', failed('NO'))).rejects.toMatchObject({
      code: 'STEP_OUTCOME_INVALID',
      message: expect.stringContaining('no way back, so it cannot have failed') as string,
    });
  });

  // Planted fault: without the comparison of what was seen both acts are taken for one of a step that does not wait.
  it('a stated outcome or a retry is refused when the step has changed since the operator looked at it', async () => {
    const one = await given();
    const looked = await waitingStep(scene.database, at(one));
    await resolve(one, 'ship', fact('test.handed', one.id));
    await seen(one, 'completed');
    const later = { sagas: [order.declaration], seen: looked };
    for (const act of [
      () => resolveStep(scene.database, at(one), failed('NO'), by, later),
      () => retryStep(scene.database, at(one), by, { seen: looked }),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'STEP_CHANGED' });
    expect(await observed(one)).toMatch(/^completed/);
  });

  it('a mistyped step name is refused with the name that was meant', async () => {
    const one = await given();
    await expect(
      retryStep(scene.database, { instance: one.instance, step: 'shop' }, by),
    ).rejects.toMatchObject({
      code: 'STEP_NOT_WAITING',
      message: expect.stringContaining('did you mean ship?') as string,
    });
    await resolve(one, 'ship', failed('NO'));
    await seen(one, 'compensated');
  });
});
