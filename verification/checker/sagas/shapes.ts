import type { Shape } from './facts.ts';

// The samples' shapes, written a second time on purpose: the checks must not use their declarations.

export const placeOrderShape: Shape = {
  name: 'shop.place-order',
  start: 'shop.order.placed',
  steps: [
    { name: 'reserve', by: 'inventory', kind: 'compensatable' },
    { name: 'pay', by: 'payments', kind: 'compensatable' },
    { name: 'ship', by: 'shipping', kind: 'pivot' },
    { name: 'confirm', by: 'orders', kind: 'retriable' },
  ],
};

export const transferMoneyShape: Shape = {
  name: 'bank.transfer-money',
  start: 'bank.transfer.requested',
  steps: [
    { name: 'withdraw', by: 'giro', kind: 'compensatable' },
    { name: 'deposit', by: 'savings', kind: 'pivot' },
    { name: 'settle', by: 'giro', kind: 'retriable' },
  ],
};
