import { checkGraph } from '@convergekit/saga/declare';
import { describe, expect, it } from 'vitest';
import { placeOrder, transferMoney } from './index.ts';

describe.each([placeOrder, transferMoney])('$declaration.name', ({ declaration }) => {
  it('whatever fails, and whenever it is called off, all that was done is undone', () => {
    expect(() => checkGraph([declaration])).not.toThrow();
  });
});
