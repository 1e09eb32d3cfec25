/** A test of a user: what it replaces, catches and sees is what the service has, whichever package it comes from. */
import { applyAll, applyOne, serviceDatabase, stubCall } from '@convergekit/testing';
import { BusinessRejection, ConvergeError, defineCall, defineConsumer, defineEvent } from 'convergekit';
import { createOutbox } from 'convergekit/postgres';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';

const data = z.object({ id: z.string(), cents: z.int() });
const placed = defineEvent('order.placed', { version: 1, topic: 'orders', key: ({ id }) => id, data });
const bank = stubCall({ answer: ({ id }: { id: string; cents: number }) => ({ receipt: `r-${id}` }) });
const charge = defineCall('bank.charge', {
  input: data,
  result: z.object({ receipt: z.string() }),
  idempotency: 'keyed',
  call: (order, context) => bank.call(order, context),
  query: (order, context) => bank.query(order, context),
}).onOutcome<object>({ succeeded: () => undefined, failed: () => undefined });
const payments = defineConsumer<object>('payments', { from: 'first' })
  .calls(charge)
  .on(placed, async (event, { call }) => {
    if (event.data.cents > 100) throw new BusinessRejection('too dear');
    await call(charge, event.data);
  });

const database = async () => {
  const own = await serviceDatabase<object>(process.env['DATABASE_URL'] ?? '', '');
  onTestFinished(() => own.close());
  return own;
};

it('the call that a test replaces is the one that the service makes', async () => {
  const own = await database();
  await applyAll([{ database: own, consumers: [payments] }], [placed({ id: 'a', cents: 5 })]);
  expect(bank.ledger()).toMatchObject([{ input: { id: 'a' }, undone: false }]);
});

it('a rejection of the kit is one for the test kit', async () => {
  const outcome = await applyOne(await database(), payments, placed({ id: 'b', cents: 500 }));
  expect(outcome).toMatchObject({ kind: 'rejected', parked: { reason: 'too dear' } });
});

it('errors of every door and of the test kit are errors of the kit', async () => {
  const own = await database();
  await own.close();
  const errors = await Promise.all([
    createOutbox([placed])
      .transaction(own.db, ({ emit }) => Promise.resolve(emit(placed({ id: 7 } as never))))
      .catch((error: unknown) => error),
    serviceDatabase('postgres://127.0.0.1:1/none', '').catch((error: unknown) => error),
  ]);
  for (const error of errors) expect(error).toBeInstanceOf(ConvergeError);
});
