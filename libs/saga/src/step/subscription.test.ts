import { expect, it } from 'vitest';
import { Moods, order, orderConsumers } from '../fixture/order-saga.ts';
import { placeOrder } from '../fixture/sagas.ts';
import { step } from './step.ts';

// Planted fault: with `bypassParked` false an undo, a deadline or a cancellation waits behind a parked event of its key.
it('only an event that begins a step waits behind a parked key, because the fence makes the order of all others irrelevant', () => {
  const waits = orderConsumers(new Moods()).flatMap(({ name, subscriptions }) =>
    subscriptions.map(
      ({ type, bypassParked }) => `${name} ${type} ${bypassParked === true ? 'goes past' : 'waits'}`,
    ),
  );
  expect(waits.filter((one) => one.endsWith('waits'))).toEqual([
    'inventory test.placed waits',
    'payments test.reserved waits',
    'shipping test.taken waits',
    'confirming test.handed waits',
  ]);
  expect(waits).toContain('shipping test.cancelled goes past');
  expect(waits).toContain('inventory test.refunded goes past');
});

// Planted fault: without the check its timer requests an undo that does not exist, and breaks the worker.
it('a step that cannot be undone has no deadline of its own', () => {
  const given = { apply: () => Promise.reject(new Error('not called')), deadlineMs: 5 };
  expect(() => step(order.ship, given as never)).toThrow(
    'step ship of shipping: its deadlineMs would have it undone',
  );
});

// The compiler refuses both; a program in JavaScript, or with a declaration that another repository publishes, gets here.
it('a step is a call in the saga and in its consumer, or in neither', () => {
  expect(() => step(order.ship, { call: { kind: 'call' } } as never)).toThrow(
    'step ship of shipping: it makes a call, and the saga does not say so; declare the step with call: true',
  );
  expect(() =>
    step(placeOrder.pay, { apply: () => Promise.reject(new Error('not called')) } as never),
  ).toThrow(
    'step pay of payments: it has no call; give what defineCall made, since the saga declares the step with call: true',
  );
});
