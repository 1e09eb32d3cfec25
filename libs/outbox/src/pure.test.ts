import { describe, expect, it } from 'vitest';
import { boundsOf } from './children.ts';
import type { EventRow } from './event-row.ts';
import { slicesOf } from './insert.ts';
import { checkRequestKey, hashOf } from './request-key.ts';

describe('the hash of a request', () => {
  it('the hash of a request depends on every value, but not on the order of members', () => {
    expect(hashOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(hashOf({ b: { d: null, c: [1, 2] }, a: 1 }));
    const base = hashOf({ a: [1, 2] });
    for (const other of [{ a: [2, 1] }, { a: [1, 2, 3] }, { a: ['1', 2] }, {}, null, undefined, 'x'])
      expect(hashOf(other)).not.toBe(base);
    expect(hashOf({ a: 9007199254740993n })).not.toBe(hashOf({ a: 9007199254740992n }));
  });

  it('an invalid request key is refused', () => {
    for (const key of [undefined, '', 'x'.repeat(256), 'a\u0000b', '\ud800'])
      expect(() => checkRequestKey(key)).toThrow(expect.objectContaining({ code: 'REQUEST_KEY_INVALID' }));
  });
});

describe('slices of a bulk insert', () => {
  const row = (size: number, key = ''): EventRow => ({
    eventId: '',
    topic: '',
    key,
    type: '',
    headers: '',
    payload: 'x'.repeat(size),
    search: null,
  });

  it('slices of a bulk insert keep the order and lose nothing', () => {
    const rows = Array.from({ length: 12_001 }, (_, index) => row(1, String(index)));
    const slices = slicesOf(rows);
    expect(slices.map((slice) => slice.length)).toEqual([5_000, 5_000, 2_001]);
    expect(slices.flat()).toEqual(rows);
  });

  it('slices stay below the byte limit, except for a single larger row', () => {
    const slices = slicesOf([row(5_000_000), row(5_000_000), row(9_000_000), row(1)]);
    expect(slices.map((slice) => slice.length)).toEqual([1, 1, 1, 1]);
    expect(slicesOf([])).toEqual([]);
  });
});

it('bounds of children are parsed from every form of the catalog text', () => {
  expect(boundsOf(`FOR VALUES FROM (MINVALUE) TO ('1000000')`)).toEqual({ from: undefined, to: 1_000_000n });
  expect(boundsOf(`FOR VALUES FROM ('1000000') TO (MAXVALUE)`)).toEqual({ from: 1_000_000n, to: undefined });
});
