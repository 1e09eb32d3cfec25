/** Tests of the audit of a saga's books, and of its findings. */
import { describe, expect, it } from 'vitest';
import type { Run } from '../checker/sagas/ends.ts';
import type { FenceRow } from '../checker/sagas/facts.ts';
import type { ShopFacts } from '../demo/audit/shop-audit.ts';
import { type BankFacts, checkBooks } from './books.ts';
import { shapes } from './shapes.ts';

const shop: ShopFacts = {
  orders: [{ orderId: 'o', state: 'confirmed', totalCents: 5, lines: [{ sku: 'cup', quantity: 1 }] }],
  stock: [{ sku: 'cup', initial: 3, onHand: 2, reserved: 0, shipped: 1 }],
  reservations: [{ orderId: 'o', sku: 'cup', quantity: 1, state: 'shipped' }],
  payments: [{ orderId: 'o', state: 'taken', amountCents: 5 }],
  parcels: [{ orderId: 'o' }],
  charges: [{ orderId: 'o', state: 'taken', amountCents: 5, refundedCents: 0 }],
};
const account = (bank: string, openedCents: number, movedCents: number) => ({
  ...{ bank, accountId: bank, openedCents, movedCents, balanceCents: openedCents + movedCents },
});
const banks: BankFacts = {
  transfers: [
    { transferId: 't', state: 'settled', amountCents: 7 },
    { transferId: 'u', state: 'refused', amountCents: 9 },
  ],
  movements: [
    { bank: 'giro', transferId: 't', kind: 'sent', amountCents: -7 },
    { bank: 'savings', transferId: 't', kind: 'arrived', amountCents: 7 },
    { bank: 'giro', transferId: 'u', kind: 'sent', amountCents: -9 },
    { bank: 'giro', transferId: 'u', kind: 'returned', amountCents: 9 },
  ],
  accounts: [account('giro', 100, -7), account('savings', 10, 7)],
};
const driven = {
  orders: [{ requestKey: 'k', ids: new Set(['o']) }],
  transfers: [
    { requestKey: 'l', ids: new Set(['t']) },
    { requestKey: 'm', ids: new Set(['u']) },
  ],
};
const ended = (index: 0 | 1, state: string): Run => {
  const shape = shapes[index]!;
  const row = (step: string): FenceRow => ({
    ...{ source: 'x', saga: shape.name, instance: 'i', step, state, reasonCode: null, stuck: null },
  });
  return { shape, instance: 'i', steps: new Map(shape.steps.map(({ name }) => [name, row(name)])) };
};
const runs = new Map([
  ['o', ended(0, 'applied')],
  ['t', ended(1, 'applied')],
  ['u', ended(1, 'undone')],
]);

interface Books {
  readonly shop: ShopFacts;
  readonly banks: BankFacts;
  readonly driven: typeof driven;
  readonly runs: ReadonlyMap<string, Run>;
}

function found(books: Partial<Books> = {}): readonly string[] {
  const all = { shop, banks, driven, runs, ...books };
  return checkBooks(all.shop, all.banks, all.driven, all.runs).flatMap(({ findings }) => findings);
}

describe('the books of shop and banks', () => {
  it('the books of a run without faults have no findings', () => expect(found()).toEqual([]));

  it.each<[string, Partial<Books>, RegExp]>([
    ['a request that made two transfers', { driven: { ...driven, transfers: [{ requestKey: 'l', ids: new Set(['t', 'u']) }] } }, /answered with 2/], // prettier-ignore
    ['a transfer without a request', { driven: { ...driven, transfers: driven.transfers.slice(1) } }, /t exists, and no answer/], // prettier-ignore
    ['money that arrived twice', { banks: { ...banks, movements: [...banks.movements, banks.movements[1]!] } }, /arrived 7, arrived 7/], // prettier-ignore
    ['money that never came back', { banks: { ...banks, movements: banks.movements.slice(0, 3) } }, /u is refused.*sent -9/], // prettier-ignore
    ['an account off by a cent', { banks: { ...banks, accounts: [{ ...account('giro', 100, -7), balanceCents: 94 }, account('savings', 10, 7)] } }, /giro: 100 \+ -7 is not 94/], // prettier-ignore
    ['money between the banks', { banks: { ...banks, accounts: [account('giro', 100, -9), account('savings', 10, 7)] } }, /hold 108 cents, and 110/], // prettier-ignore
    ['a customer who was shown the wrong end', { runs: new Map([...runs, ['u', ended(1, 'applied')]]) }, /u is shown as refused, and its saga is completed/], // prettier-ignore
    ['a parcel that never left', { shop: { ...shop, parcels: [] } }, /no parcel left/],
    ['a cup that is nowhere', { shop: { ...shop, stock: [{ ...shop.stock[0]!, onHand: 1 }] } }, /cup: 1 \+ 0 \+ 1 is not 3/], // prettier-ignore
    ['a charge without an order', { shop: { ...shop, charges: [...shop.charges, { orderId: 'x', state: 'taken', amountCents: 2, refundedCents: 0 }] } }, /provider charged 7 net/], // prettier-ignore
  ])('the check of the books finds %s', (_what, books, finding) => {
    expect(found(books).join('\n')).toMatch(finding);
  });
});
