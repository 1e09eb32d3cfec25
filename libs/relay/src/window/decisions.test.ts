import { describe, expect, test } from 'vitest';
import { LeaseMargin } from '../leader/lease-loop.ts';
import { looksFirst, nextPace, type PollPace, startPace } from './poll-pace.ts';
import { LowestId, parseSnapshot, type Tick } from './tick.ts';
import { judgeTopic } from '../topics/topic-check.ts';
import { PageSize, splitByTick } from './window-reader.ts';
import { idsOf, rowsOf } from '../fixture/blocks.ts';

const settings = { maxMs: 20, idleMs: 1_000 };

const often = { slowestMs: 20, sinceWindowMs: 100, allAnnounced: false };
const rarely = { slowestMs: 1_000, sinceWindowMs: 100, allAnnounced: false };

describe('the poll interval', () => {
  const empties = (count: number): PollPace => {
    let pace = startPace;
    for (let at = 0; at < count; at += 1) pace = nextPace(pace, 'empty', settings, often);
    return pace;
  };
  test('the poll interval stays at its minimum for the first empty polls, then doubles up to its maximum', () => {
    expect([1, 50, 51, 52, 53, 54, 55, 56, 500].map((count) => empties(count).pauseMs)).toEqual([
      1, 1, 2, 4, 8, 16, 20, 20, 20,
    ]);
  });
  test('the poll interval is short again after a window, and zero after a full page', () => {
    expect(nextPace(empties(100), 'window', settings, often)).toEqual({ empty: 0, pauseMs: 1 });
    expect(nextPace(empties(100), 'full', settings, often)).toEqual({ empty: 0, pauseMs: 0 });
  });
  test('where writers notify, the poll interval grows from a quarter of its idle maximum from the first empty poll on', () => {
    const pauses: number[] = [];
    let pace = startPace;
    for (let at = 0; at < 4; at += 1) pauses.push((pace = nextPace(pace, 'empty', settings, rarely)).pauseMs);
    expect(pauses).toEqual([250, 500, 1_000, 1_000]);
    expect(nextPace(empties(3), 'empty', settings, { ...rarely, slowestMs: 250 }).pauseMs).toBe(250);
  });
  test('where writers notify, a window after a pause is not followed by a quick poll, and one soon after another is', () => {
    const pauseAfter = (sinceWindowMs: number): number =>
      nextPace(startPace, 'window', settings, { ...rarely, sinceWindowMs }).pauseMs;
    expect([Infinity, 21, 20, 0].map(pauseAfter)).toEqual([250, 250, 1, 1]);
  });
  test('where writers notify, a window whose events were all announced is not followed by a quick poll', () => {
    const guide = { ...rarely, sinceWindowMs: 0, allAnnounced: true };
    expect(nextPace(startPace, 'window', settings, guide).pauseMs).toBe(250);
    expect(nextPace(startPace, 'window', settings, { ...guide, slowestMs: 20 }).pauseMs).toBe(1);
  });
  test('a look goes before polls only where an idle relay polls often', () => {
    expect([50, 51].map((count) => looksFirst(empties(count), settings, often))).toEqual([false, true]);
    expect(looksFirst(empties(51), settings, rarely)).toBe(false);
  });
});

describe('the margin of a lease', () => {
  test('the margin of a lease ends sending before the lease ends, counted from before the request', () => {
    const margin = new LeaseMargin(1_000, 5_000, 1_500);
    expect(margin.maySendFor(1_000)).toBe(3_500);
    expect(margin.maySendFor(4_500)).toBe(0);
    expect(margin.isOver(5_999)).toBe(false);
    expect(margin.isOver(6_000)).toBe(true);
  });
  test('the margin of a lease is moved by a renewal, and never back by a late answer', () => {
    const margin = new LeaseMargin(0, 5_000, 1_500);
    margin.renewed(2_000);
    margin.renewed(1_000);
    expect(margin.maySendFor(2_000)).toBe(3_500);
  });
  test('the margin of a lease is over for a process that was stopped longer', () => {
    const margin = new LeaseMargin(0, 5_000, 1_500);
    margin.renewed(1_000);
    expect(margin.maySendFor(60_000)).toBe(0);
    expect(margin.isOver(60_000)).toBe(true);
  });
});

const known = (partitions: number) => ({ partitions, topicId: 'a' });

describe('a topic as the broker describes it', () => {
  test('a topic is found with the count on record or with none on record, and wrong otherwise', () => {
    const config = { 'min.insync.replicas': '2', 'max.message.bytes': '4000' };
    const sound = { partitions: 3, topicId: 'a', replicationFactor: 3, config };
    const found = { kind: 'found', partitions: 3, topicId: 'a', maxBytes: 4_000, doubts: [] };
    expect(judgeTopic('t', known(0), sound)).toEqual(found);
    expect(judgeTopic('t', known(3), sound)).toEqual(found);
    expect(judgeTopic('t', known(3), { ...sound, partitions: 6 })).toMatchObject({
      halt: {
        code: 'PARTITION_COUNT_CHANGED',
        detail: expect.stringContaining('`converge topics accept t --group <') as string,
      },
    });
    expect(judgeTopic('t', known(3), undefined)).toMatchObject({ halt: { code: 'TOPIC_UNKNOWN' } });
  });

  // Planted fault: compaction that is not looked for (or only alone) fails here.
  test.each(['compact', 'delete,compact'])('a topic is wrong when its cleanup.policy is %s', (policy) => {
    const config = { 'cleanup.policy': policy };
    expect(
      judgeTopic('t', known(3), { partitions: 3, topicId: 'a', replicationFactor: 3, config }),
    ).toMatchObject({
      halt: { code: 'TOPIC_COMPACTED' },
    });
  });

  test.each<[string, number, string, RegExp | undefined]>([
    ['three copies, two of them sure', 3, '2', undefined],
    ['one copy', 1, '1', /replication factor is 1/],
    ['three copies, one of them sure', 3, '1', /min\.insync\.replicas is 1/],
  ])(
    'a topic with %s is found, with a warning where that can lose events',
    (_, replicationFactor, minimum, doubt) => {
      const config = { 'min.insync.replicas': minimum };
      expect(judgeTopic('t', known(3), { partitions: 3, topicId: 'a', replicationFactor, config })).toEqual({
        kind: 'found',
        partitions: 3,
        topicId: 'a',
        doubts: doubt === undefined ? [] : [expect.stringMatching(doubt)],
      });
    },
  );
});

describe('a page', () => {
  test('a page grows twofold while events are small, and shrinks at once when they are large', () => {
    const page = new PageSize(4_000, 16_000_000);
    expect(page.rows).toBe(500);
    page.saw(500, 500 * 300);
    expect(page.rows).toBe(1_000);
    for (let at = 0; at < 5; at += 1) page.saw(1_000, 300_000);
    expect(page.rows).toBe(4_000);
    page.saw(100, 100 * 900_000);
    expect(page.rows).toBe(17);
  });
});

describe('the lowest id of later windows', () => {
  const tick = (own: bigint, floor: bigint, snapshot: string): Tick => ({
    number: 0n,
    own,
    floor,
    ceil: floor,
    nonce: '',
    epoch: 1,
    snapshot: parseSnapshot(snapshot),
  });
  test('the lowest id follows a floor only when every transaction older than its tick had ended', () => {
    const lowest = new LowestId();
    lowest.pass(tick(100n, 10n, '90:100:90'));
    expect(lowest.value).toBe(1n);
    // The transaction 90 is still open: it may have drawn id 5.
    lowest.pass(tick(120n, 20n, '90:120:90,110'));
    expect(lowest.value).toBe(1n);
    lowest.pass(tick(130n, 30n, '110:130:110'));
    expect(lowest.value).toBe(11n);
    lowest.pass(tick(140n, 40n, '140:140:'));
    expect(lowest.value).toBe(41n);
  });
  test('the lowest id keeps few floors while one transaction stays open, and still follows when it ends', () => {
    const lowest = new LowestId();
    for (let at = 0n; at < 5_000n; at += 1n) lowest.pass(tick(100n + at, at, '90:5000:90'));
    expect(lowest.value).toBe(1n);
    lowest.pass(tick(9_000n, 9_000n, '9000:9000:'));
    expect(lowest.value).toBe(9_001n);
  });
});

test('a snapshot is read as Postgres writes it', () => {
  expect(parseSnapshot('10:20:10,14')).toEqual({
    text: '10:20:10,14',
    xmin: 10n,
    xmax: 20n,
    xip: '{10,14}',
    running: new Set([10n, 14n]),
  });
  expect(parseSnapshot('3:3:').running).toEqual(new Set());
  expect(parseSnapshot('3:3:').xip).toBe('{}');
  expect(() => parseSnapshot('3')).toThrow('not a snapshot');
});

describe('rows that were read for several windows together', () => {
  const tick = (number: bigint, snapshot: string): Tick => ({
    number,
    own: 0n,
    floor: 0n,
    ceil: 0n,
    nonce: '',
    epoch: 1,
    snapshot: parseSnapshot(snapshot),
  });
  const row = (id: string, xid: string) => ({ id, xid });
  const ticks = [tick(1n, '10:20:10,15'), tick(2n, '10:25:10'), tick(3n, '30:30:')];
  test('rows belong to the first tick that sees their transaction, in the order of id', () => {
    const rows = [
      row('1', '15'),
      row('2', '12'),
      row('3', '10'),
      row('4', '15'),
      row('5', '29'),
      row('6', '24'),
      row('7', '19'),
    ];
    for (const blocks of [[rowsOf(rows)], rows.map((one) => rowsOf([one]))])
      expect(
        splitByTick(blocks, ticks).map(({ tick: { number }, blocks: split }) => [number, idsOf(split)]),
      ).toEqual([
        [1n, ['2', '7']],
        [2n, ['1', '4', '6']],
        [3n, ['3', '5']],
      ]);
  });
  test('rows that no tick sees are refused', () => {
    expect(() => splitByTick([rowsOf([row('1', '30')])], ticks)).toThrow('in none of the windows');
  });
});
