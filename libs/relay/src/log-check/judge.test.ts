import { parsePosition } from '@convergekit/contracts/engine';
import { describe, expect, test } from 'vitest';
import {
  isForeignCluster,
  judgeIdentity,
  judgePartition,
  type KnownTicks,
  type PartitionFacts,
} from './judge.ts';
import type { OwnRecord } from './own-records.ts';

const A = '000000000000000a';
const B = '000000000000000b';

const known = (ticks: Readonly<Record<string, string>>, latest: bigint, epoch = 1): KnownTicks => ({
  epoch,
  nonces: new Map(Object.entries(ticks).map(([number, nonce]) => [BigInt(number), nonce])),
  latest,
});
const record = (position: string): OwnRecord => ({
  offset: 7n,
  position: parsePosition(position),
  eventId: 'e',
  type: 't',
  key: 'k',
});
const facts = (
  last: string | undefined,
  cursor: string,
  other: Partial<PartitionFacts> & {
    readonly seenAll?: boolean;
    readonly highest?: string;
    readonly holes?: PartitionFacts['tail']['holes'];
  } = {},
): PartitionFacts => {
  const newest = last === undefined ? undefined : record(last);
  const highest = other.highest === undefined ? newest : record(other.highest);
  return {
    topic: 'orders',
    ends: { partition: 2, earliest: 0n, latest: 8n },
    cursor: parsePosition(cursor),
    lastEnd: undefined,
    recounted: false,
    recreated: false,
    ...other,
    tail: {
      newest,
      highest,
      olderBehind: undefined,
      seenAll: other.seenAll ?? false,
      forged: [],
      holes: other.holes ?? [],
    },
  };
};
const codeOf = (...args: Parameters<typeof judgePartition>): string => {
  const verdict = judgePartition(...args);
  return verdict.kind === 'refused' ? verdict.refusal.code : verdict.kind;
};

describe('the end of a log', () => {
  test('a log fits when its end is the cursor, or of later ticks of the database', () => {
    expect(codeOf(facts(`1.5.9.${A}`, '1.5.9'), known({ 5: A }, 5n))).toBe('fits');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({ 6: A }, 6n))).toBe('fits');
  });

  test('a log that ends in an unknown tick, or in one with another nonce, means that the database went back', () => {
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({}, 5n))).toBe('database_went_back');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({ 6: B }, 6n))).toBe('database_went_back');
    expect(codeOf(facts(`2.0.0.${A}`, '1.5.9'), known({}, 5n))).toBe('database_went_back');
  });

  test('a log that ends in a tick that retention dropped fits', () => {
    expect(codeOf(facts(`1.6.1.${A}`, '1.6.1'), known({}, 90n))).toBe('fits');
  });

  test('a log that ends before the cursor has lost its end', () => {
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9'), known({ 4: A }, 5n))).toBe('log_behind_cursor');
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true }), known({}, 5n))).toBe('log_behind_cursor');
    expect(codeOf(facts(`1.5.9.${A}`, '1.5.9', { lastEnd: 9n }), known({ 5: A }, 5n))).toBe(
      'log_behind_cursor',
    );
  });

  test('a log may end in a late repeat of a deposed relay behind a higher position', () => {
    const late = facts(`1.4.1.${A}`, '1.5.9', { highest: `1.5.9.${A}` });
    expect(codeOf(late, known({ 4: A, 5: A }, 5n))).toBe('fits');
  });

  test('a log without a record of the source within the limits is compared by its end alone', () => {
    expect(codeOf(facts(undefined, '1.5.9', { lastEnd: 8n }), known({}, 5n))).toBe('ends_only');
    const cut = { partition: 2, earliest: 8n, latest: 8n };
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true, ends: cut }), known({}, 5n))).toBe('ends_only');
  });

  test('a log that ends before the cursor is not refused while a batch of it cannot be decoded', () => {
    const holes = [{ offset: 6n, why: 'snappy' }];
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9', { holes }), known({ 4: A }, 5n))).toBe('ends_only');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9', { holes }), known({}, 5n))).toBe('database_went_back');
  });

  test('a log without records fits when an operator accepted the recreated topic', () => {
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true, recreated: true }), known({}, 5n))).toBe(
      'ends_only',
    );
  });

  test('a log that lacks the end of its predecessor fits when an operator accepted the recreated topic', () => {
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9', { recreated: true }), known({ 4: A }, 5n))).toBe('ends_only');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9', { recreated: true }), known({}, 5n))).toBe(
      'database_went_back',
    );
    const cut = { recreated: true, lastEnd: 9n };
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9', cut), known({ 4: A }, 5n))).toBe('log_behind_cursor');
  });

  test('an empty log fits a partition to which nothing was sent', () => {
    expect(codeOf(facts(undefined, '1.0.0', { seenAll: true }), known({}, 0n))).toBe('fits');
  });

  test('a log that ends in a marker fits the epoch that it begins, while the cursor is of the one before', () => {
    expect(codeOf(facts(`2.0.0.${'0'.repeat(16)}`, '1.5.9'), known({}, 5n, 2))).toBe('fits');
  });

  test('a lost end is not refused for a topic whose partition count changed, but a lost past is', () => {
    const recounted = { recounted: true, seenAll: true };
    expect(codeOf(facts(undefined, '1.5.9', recounted), known({}, 5n))).toBe('ends_only');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9', recounted), known({}, 5n))).toBe('database_went_back');
  });
});

describe('the identity of a database', () => {
  const before = { system: '7', database: '16384', nextXid: 900n };

  test('an identity is not compared when none was stored, or the role may not read it', () => {
    const nothing = { system: undefined, database: undefined, nextXid: undefined };
    expect(judgeIdentity(nothing, before, 800n)).toBeUndefined();
    expect(judgeIdentity(before, { ...before, system: undefined }, 800n)).toBeUndefined();
  });

  test('an identity differs for a copy in another cluster, and in another database of the same one', () => {
    expect(judgeIdentity(before, { ...before, system: '8' }, 800n)?.code).toBe('database_moved');
    expect(judgeIdentity(before, { ...before, database: '5' }, 800n)?.code).toBe('database_moved');
    expect(isForeignCluster(before, { ...before, system: '8' }, 800n)).toBe(true);
    expect(isForeignCluster(before, { ...before, database: '5' }, 800n)).toBe(false);
  });

  test('a database went back when its transaction ids are lower than what was stored or than the latest tick', () => {
    expect(judgeIdentity(before, { ...before, nextXid: 899n }, 800n)?.code).toBe('database_went_back');
    expect(judgeIdentity(before, { ...before, nextXid: 950n }, 951n)?.code).toBe('database_went_back');
    expect(isForeignCluster(before, { ...before, nextXid: 950n }, 951n)).toBe(true);
    expect(judgeIdentity(before, { ...before, nextXid: 900n }, 900n)).toBeUndefined();
  });
});
