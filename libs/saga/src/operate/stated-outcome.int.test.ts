import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { order } from '../fixture/order-saga.ts';
import { place, type Placed, scene } from '../fixture/order-scene.ts';
import { by, fact, failed, observed, openScene, resolve, seen } from '../fixture/operated-scene.ts';
import { resolveStep, retryStep, waitingStep } from './act-on-step.ts';

beforeAll(() => openScene(inject('stack').databaseUrl));
afterAll(() => scene.close());

describe('an outcome that the declaration of the step does not allow', () => {
  const at = ({ instance }: Placed) => ({ instance, step: 'ship' });
  const given = async (): Promise<Placed> => {
    const one = await place({ ship: 'unknown' });
    await seen(one, 'stuck: ship waits for an operator');
    return one;
  };
  // Planted fault: without the comparison of what was seen both acts are taken for one of a step that does not wait.
  it('a stated outcome or a retry is refused when the step has changed since the operator looked at it', async () => {
    const one = await given();
    const looked = await waitingStep(scene.database, at(one));
    await resolve(one, 'ship', fact('test.handed', one.id));
    await seen(one, 'completed');
    const later = { sagas: [order.declaration], seen: looked.mark };
    for (const act of [
      () => resolveStep(scene.database, at(one), failed('NO'), by, later),
      () => retryStep(scene.database, at(one), by, { seen: looked.mark }),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'STEP_CHANGED' });
    expect(await observed(one)).toMatch(/^completed/);
  });

  it('G6g: a mistyped step name is refused with the name that was meant, and so is data that is no JSON', async () => {
    const one = await given();
    await expect(
      retryStep(scene.database, { instance: one.instance, step: 'shop' }, by),
    ).rejects.toMatchObject({
      code: 'STEP_NOT_WAITING',
      message: expect.stringContaining('did you mean ship?') as string,
    });
    await expect(
      resolve(one, 'ship', { kind: 'fact', type: 'test.handed', payload: '{' }),
    ).rejects.toMatchObject({
      code: 'STEP_OUTCOME_INVALID',
      message: expect.stringContaining('is not that of test.handed v1') as string,
    });
    await resolve(one, 'ship', failed('NO'));
    await seen(one, 'compensated');
  });
});
