import { defineEvent } from '@convergekit/contracts';
import { defineCall, callsOf, step } from '@convergekit/saga';
import { defineSaga } from '@convergekit/saga/declare';
import { defineConsumer } from '@convergekit/inbox';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { CallOptions } from '../calls/declare/types.ts';

const data = z.object({ id: z.string() });
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { version: 1, topic: 'trips', key: ({ id }) => id, data });
const [asked, paid, paidBack, seated] = [
  event('trip.asked'),
  event('trip.paid'),
  event('trip.paid-back'),
  event('trip.seated'),
] as const;

/** The calls of a step that makes this call. */
function callsOfStep(
  more: Pick<Partial<CallOptions<typeof data, z.ZodNull>>, 'quota' | 'query' | 'idempotency'>,
) {
  const trip = defineSaga('trip', { start: asked })
    .compensatable('pay', { by: 'bank', success: paid, undone: paidBack, call: true })
    .pivot('seat', { by: 'airline', success: seated });
  const charge = defineCall('bank.charge', {
    input: data,
    result: z.null(),
    idempotency: 'keyed',
    call: () => Promise.resolve(null),
    compensate: () => Promise.resolve(),
    ...more,
  });
  const bank = defineConsumer<object>('bank', { from: 'first' }).include(
    step(trip.pay, {
      call: charge,
      input: ({ event: { data: given } }) => given,
      outcome: (_, { event: { data: given } }) => paid(given),
      undone: ({ intent }) => paidBack(intent.data),
      noop: ({ key }) => paidBack({ id: key }),
    }),
  );
  return callsOf(bank);
}

// Planted fault: with a quota of the call alone, the call of the undo has none.
it('G6n: the call of a step and its undo take from the quota of the call', () => {
  const quota = { name: 'bank', perSecond: 5, burst: 1 };
  const limited = callsOfStep({ quota }).filter((call) => call.quota !== undefined);
  expect(limited.map(({ name, quota: of }) => [name, of])).toEqual([
    ['trip.pay.apply', quota],
    ['trip.pay.compensate', quota],
  ]);
});

// Planted fault: without the idempotency of the call its undo is repeated under a key of which the other side knows nothing.
it('G6b: the undo of a call that must not be repeated is not repeated either, and is queried where the call is', () => {
  const query = () => Promise.resolve({ kind: 'not_found' } as const);
  for (const more of [{}, { query }]) {
    const [, undo] = callsOfStep({ idempotency: 'none', ...more }).filter(({ call }) => call !== undefined);
    const { name, idempotency, canQuery } = undo!;
    expect([name, idempotency, canQuery]).toEqual(['trip.pay.compensate', 'none', 'query' in more]);
  }
});
