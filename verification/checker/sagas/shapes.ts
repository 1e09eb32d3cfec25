import type { Shape } from './facts.ts';

// The samples' shapes, written a second time on purpose: the checks must not use their declarations.

export const placeOrderShape: Shape = {
  name: 'shop.place-order',
  start: 'shop.order.placed',
  steps: [
    { name: 'reserve', kind: 'compensatable' },
    { name: 'pay', kind: 'compensatable' },
    { name: 'ship', kind: 'pivot' },
    { name: 'confirm', kind: 'retriable' },
  ],
};

export const transferMoneyShape: Shape = {
  name: 'bank.transfer-money',
  start: 'bank.transfer.requested',
  steps: [
    { name: 'withdraw', kind: 'compensatable' },
    { name: 'deposit', kind: 'pivot' },
    { name: 'settle', kind: 'retriable' },
  ],
};
