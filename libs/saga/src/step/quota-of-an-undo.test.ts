import { defineEvent } from '@convergekit/contracts';
import { defineConsumer } from '@convergekit/inbox';
import { defineCall, effectsOf, step } from '@convergekit/saga';
import { saga } from '@convergekit/saga/declare';
import { expect, it } from 'vitest';
import { z } from 'zod';

const data = z.object({ id: z.string() });
const event = <const Type extends string>(type: Type) =>
  defineEvent({ type, version: 1, topic: 'trips', key: ({ id }: { id: string }) => id, data });
const paid = event('paid');
const paidBack = event('paid-back');
const trip = saga('trip', { start: event('asked') })
  .compensatable('pay', { by: 'payments', success: paid, undone: paidBack, external: true })
  .pivot('seat', { by: 'airline', success: event('seated'), failure: event('full') });

// Planted fault: a compensation without the quota of its call.
it('G6n: the undo of a step takes from the quota of its call, as the call does', () => {
  const quota = { name: 'bank', perSecond: 5, burst: 1 };
  const call = defineCall({
    name: 'bank.take',
    input: data,
    result: z.null(),
    idempotency: 'keyed',
    quota,
    call: () => Promise.resolve(null),
    undo: () => Promise.resolve(),
  });
  const payments = defineConsumer<object>({ name: 'payments', from: 'beginning' }).include(
    step(trip.pay, {
      call,
      input: ({ event: { data: asked } }) => asked,
      outcome: (_, { event: { data: asked } }) => paid(asked),
      undone: ({ intent: { data: asked } }) => paidBack(asked),
    }),
  );
  const quotas = new Map(effectsOf(payments).map(({ name, quota: own }) => [name, own]));
  expect([quotas.get('trip.pay.apply'), quotas.get('trip.pay.compensate')]).toEqual([quota, quota]);
});
