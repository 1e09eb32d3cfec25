import { checkGraph } from '@convergekit/saga/declare';
import { describe, expect, it } from 'vitest';
import { placeOrder, transferMoney } from './index.ts';

describe.each([placeOrder, transferMoney])('$declaration.name', ({ declaration }) => {
  it('a saga that fails or is cancelled at any point is compensated completely', () => {
    expect(() => checkGraph([declaration])).not.toThrow();
  });
});
