import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from './index.ts';
import { searchDigest } from './search.ts';

const data = z.object({
  orderId: z.string(),
  email: z.string().nullish(),
  number: z.int().optional(),
  lines: z.array(z.string()).default([]),
});
const options = { topic: 'shop.orders', key: (order: { orderId: string }) => order.orderId, data };
const placed = defineEvent('shop.order.placed', { ...options, search: ['orderId', 'email', 'number'] });

it('an event has a digest for each text and number of the fields that its definition names, and none of the rest', () => {
  const whole = placed({ orderId: 'o-1', email: 'ada@shop.example', number: 17, lines: ['o-1'] });
  expect(whole.search).toEqual(['o-1', 'ada@shop.example', '17'].map(searchDigest));
  expect(placed({ orderId: 'o-1', email: null }).search).toEqual([searchDigest('o-1')]);
  expect(placed({ orderId: '17', number: 17 }).search).toEqual([searchDigest('17')]);
  expect(defineEvent('shop.order.placed', options)({ orderId: 'o-1' })).not.toHaveProperty('search');
});

it('a digest is a number of 64 bits that Postgres computes as well', () => {
  const bytes = createHash('sha256').update('ä').digest();
  // In SQL: ('x' || substr(encode(sha256('ä'), 'hex'), 1, 16))::bit(64)::bigint
  expect(BigInt.asUintN(64, BigInt(searchDigest('ä'))).toString(16)).toBe(
    bytes.subarray(0, 8).toString('hex').replace(/^0+/, ''),
  );
});

it('a definition names fields with a text or a number, at most eight', () => {
  // @ts-expect-error lines is a list
  defineEvent('shop.order.placed', { ...options, search: ['lines'] });
  // @ts-expect-error no such field
  defineEvent('shop.order.placed', { ...options, search: ['orderid'] });
  const many = Array.from({ length: 9 }, () => 'orderId' as const);
  expect(() => defineEvent('shop.order.placed', { ...options, search: many })).toThrow(
    'search has more than 8 fields',
  );
});
