import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePositions, formatPosition, parsePosition, type Position, START } from './engine.ts';

// Short positions are parsed by other code than long ones. Planted fault: 17 digits parsed as a number.
const whole = fc.oneof(
  fc.bigInt(0n, 2n ** 63n - 1n),
  fc.bigInt(0n, 10n ** 12n),
  fc.bigInt(10n ** 15n, 10n ** 17n),
);
const position: fc.Arbitrary<Position> = fc.record({ epoch: fc.nat(2 ** 31 - 1), tick: whole, id: whole });

describe('positions', () => {
  it('a position reads back as it was written, with and without a nonce', () => {
    fc.assert(
      fc.property(position, fc.stringMatching(/^[0-9a-f]{16}$/), (one, nonce) => {
        expect(parsePosition(formatPosition(one))).toEqual(one);
        expect(parsePosition(formatPosition(one, nonce))).toEqual({ ...one, nonce });
      }),
    );
  });

  it('positions are ordered by epoch, then tick, then id, without the nonce', () => {
    const sorted = ['1.0.0', '1.0.1', '1.0.10', '1.2.0', '1.9.99', '1.10.1', '2.0.0', '10.0.0'];
    const shuffled = fc.shuffledSubarray(sorted, { minLength: sorted.length });
    fc.assert(
      fc.property(shuffled, (some) => {
        const order = some.map((text) => parsePosition(text)).sort(comparePositions);
        expect(order.map((one) => formatPosition(one))).toEqual(sorted);
      }),
    );
    expect(comparePositions(parsePosition('1.2.3.00000000000000aa'), parsePosition('1.2.3'))).toBe(0);
  });

  it('START is before every event', () => {
    expect(formatPosition(START)).toBe('1.0.0');
    expect(comparePositions(START, parsePosition('1.1.1'))).toBe(-1);
  });

  it.each([
    '',
    '1',
    '1.2',
    '1.2.3.4',
    '01.2.3',
    '1.02.3',
    '-1.2.3',
    '1.2.3 ',
    ' 1.2.3',
    '1.2.3.',
    '1.2.3\n',
    '+1.2.3',
    '1e3.2.3',
    '1.2.3.00000000000000AA',
    '1.2.3.00aa',
    '2147483648.1.1',
    '1.9223372036854775808.1',
    '1.1.9223372036854775808',
    '1.1.99999999999999999999',
    '١.٢.٣',
    '1.2.0x3',
  ])('%j is not a position', (text) => {
    expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'POSITION_INVALID' }));
  });
});
