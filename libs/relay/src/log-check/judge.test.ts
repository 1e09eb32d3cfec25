import { parsePosition } from '@convergekit/contracts';
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
    madeAgain: false,
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
  test('fits when it is our cursor, or later ticks that we have', () => {
    expect(codeOf(facts(`1.5.9.${A}`, '1.5.9'), known({ 5: A }, 5n))).toBe('fits');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({ 6: A }, 6n))).toBe('fits');
  });

  test('of a tick that we do not have, or have with another nonce, means that the database went back', () => {
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({}, 5n))).toBe('database_went_back');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9'), known({ 6: B }, 6n))).toBe('database_went_back');
    expect(codeOf(facts(`2.0.0.${A}`, '1.5.9'), known({}, 5n))).toBe('database_went_back');
  });

  test('of a tick that retention dropped is ours all the same', () => {
    expect(codeOf(facts(`1.6.1.${A}`, '1.6.1'), known({}, 90n))).toBe('fits');
  });

  test('behind our cursor means that the log lost its end', () => {
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9'), known({ 4: A }, 5n))).toBe('log_behind_cursor');
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true }), known({}, 5n))).toBe('log_behind_cursor');
    expect(codeOf(facts(`1.5.9.${A}`, '1.5.9', { lastEnd: 9n }), known({ 5: A }, 5n))).toBe(
      'log_behind_cursor',
    );
  });

  test('may be a late repeat of a deposed relay, if a higher position stands before it', () => {
    const late = facts(`1.4.1.${A}`, '1.5.9', { highest: `1.5.9.${A}` });
    expect(codeOf(late, known({ 4: A, 5: A }, 5n))).toBe('fits');
  });

  test('of which nothing of ours is within reach is compared by its end alone', () => {
    expect(codeOf(facts(undefined, '1.5.9', { lastEnd: 8n }), known({}, 5n))).toBe('ends_only');
    const cut = { partition: 2, earliest: 8n, latest: 8n };
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true, ends: cut }), known({}, 5n))).toBe('ends_only');
  });

  test('behind our cursor says nothing while a batch before it cannot be decoded', () => {
    const holes = [{ offset: 6n, why: 'snappy' }];
    expect(codeOf(facts(`1.4.1.${A}`, '1.5.9', { holes }), known({ 4: A }, 5n))).toBe('ends_only');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9', { holes }), known({}, 5n))).toBe('database_went_back');
  });

  test('is not missed in a log that an operator accepted as made again', () => {
    expect(codeOf(facts(undefined, '1.5.9', { seenAll: true, madeAgain: true }), known({}, 5n))).toBe(
      'ends_only',
    );
  });

  test('says nothing against a partition to which nothing was sent', () => {
    expect(codeOf(facts(undefined, '1.0.0', { seenAll: true }), known({}, 0n))).toBe('fits');
  });

  test('that is a marker fits the epoch that it begins, while the cursor is still of the one before', () => {
    expect(codeOf(facts(`2.0.0.${'0'.repeat(16)}`, '1.5.9'), known({}, 5n, 2))).toBe('fits');
  });

  test('is not held against a topic that is halted for its partition count anyway, but a lost past is', () => {
    const recounted = { recounted: true, seenAll: true };
    expect(codeOf(facts(undefined, '1.5.9', recounted), known({}, 5n))).toBe('ends_only');
    expect(codeOf(facts(`1.6.1.${A}`, '1.5.9', recounted), known({}, 5n))).toBe('database_went_back');
  });
});

describe('the identity of a database', () => {
  const before = { system: '7', database: '16384', nextXid: 900n };

  test('is not asked for when nothing was stored, or the role may not ask', () => {
    const nothing = { system: undefined, database: undefined, nextXid: undefined };
    expect(judgeIdentity(nothing, before, 800n)).toBeUndefined();
    expect(judgeIdentity(before, { ...before, system: undefined }, 800n)).toBeUndefined();
  });

  test('tells a copy in another cluster, and in another database of the same one', () => {
    expect(judgeIdentity(before, { ...before, system: '8' }, 800n)?.code).toBe('database_moved');
    expect(judgeIdentity(before, { ...before, database: '5' }, 800n)?.code).toBe('database_moved');
    expect(isForeignCluster(before, { ...before, system: '8' }, 800n)).toBe(true);
    expect(isForeignCluster(before, { ...before, database: '5' }, 800n)).toBe(false);
  });

  test('went back when transaction ids are lower than what was stored or than the latest tick', () => {
    expect(judgeIdentity(before, { ...before, nextXid: 899n }, 800n)?.code).toBe('database_went_back');
    expect(judgeIdentity(before, { ...before, nextXid: 950n }, 951n)?.code).toBe('database_went_back');
    expect(isForeignCluster(before, { ...before, nextXid: 950n }, 951n)).toBe(true);
    expect(judgeIdentity(before, { ...before, nextXid: 900n }, 900n)).toBeUndefined();
  });
});
