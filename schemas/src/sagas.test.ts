import { readFileSync } from 'node:fs';
import { checkGraph, drawSaga } from '@converge/saga/declare';
import { expect, it } from 'vitest';
import { placeOrder } from './index.ts';

it('whatever fails in an order, and whenever it is called off, all that was done for it is undone', () => {
  checkGraph([placeOrder.declaration]);
});

it('is drawn in docs as it is declared', () => {
  const page = readFileSync(new URL('../../docs/sagas/shop.place-order.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`mermaid\n${drawSaga(placeOrder.declaration)}\n\`\`\``);
});
