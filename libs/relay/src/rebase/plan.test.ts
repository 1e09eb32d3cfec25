import { parsePosition } from '@convergekit/contracts/engine';
import { describe, expect, test } from 'vitest';
import { MAX_ID, type PlanInput, planRebase } from './plan.ts';
import { placeOf, type TickMatch } from '../log-check/judge.ts';
import type { PartitionScan } from './scan.ts';

const scan = (
  cursor: string,
  records: readonly (readonly [position: string, match: TickMatch])[],
  other: Partial<PartitionScan> = {},
): PartitionScan => {
  const { epoch, tick, id } = parsePosition(cursor);
  return {
    cursor: { topic: 'orders', partition: 0, epoch, tick, id },
    records: records.map(([position, match], at) => ({
      offset: BigInt(at),
      position: parsePosition(position),
      eventId: `e${at}`,
      type: 't',
      key: 'k',
      match,
    })),
    whole: false,
    end: BigInt(records.length),
    ...other,
  };
};
const plan = (scans: readonly PartitionScan[], other: Partial<PlanInput> = {}) =>
  planRebase({ epoch: 1, latestTick: 50n, lowestTick: 0n, doneTick: 40n, scans, ...other });

describe('a rebase', () => {
  test('a rebase of a database that went back forks after its latest tick, and skips what the log holds up to there', () => {
    const made = plan([
      scan('1.40.100', [
        ['1.40.100', 'same'],
        ['1.45.120', 'same'],
        ['1.51.130', 'missing'],
        ['1.57.140', 'missing'],
      ]),
    ]);
    expect(made).toMatchObject({ epoch: 2, forkedTick: 50n, doneTick: 40n });
    const [one] = made.partitions;
    expect(one).toMatchObject({
      prev: { epoch: 1, tick: 57n, id: 140n },
      passed: { tick: 45n, id: 120n },
      logLost: false,
    });
    expect(one?.beyond.map(({ eventId }) => eventId)).toEqual(['e2', 'e3']);
  });

  test('a rebase of a database that continued by itself forks before the first tick that differs', () => {
    const made = plan([
      scan('1.48.100', [
        ['1.42.90', 'same'],
        ['1.44.95', 'other'],
        ['1.48.100', 'same'],
      ]),
    ]);
    expect(made).toMatchObject({ forkedTick: 43n, doneTick: 40n });
    expect(made.partitions[0]).toMatchObject({ passed: { tick: 43n, id: MAX_ID } });
    expect(made.partitions[0]?.beyond.map(({ eventId }) => eventId)).toEqual(['e1', 'e2']);
  });

  test('a rebase takes the next epoch after all that are in the log, also one whose rebase never ended', () => {
    expect(plan([scan('1.40.1', [['3.0.0', 'same']])]).epoch).toBe(4);
  });

  test('a rebase sends again what the log lost, from the lowest of its partitions on', () => {
    const made = plan([scan('1.40.100', [['1.30.70', 'same']]), scan('1.40.101', [['1.40.101', 'same']])]);
    expect(made.doneTick).toBe(29n);
    expect(made.partitions[0]).toMatchObject({
      logLost: true,
      prev: { tick: 30n, id: 70n },
      passed: { tick: 30n, id: 70n },
    });
    expect(made.partitions[1]).toMatchObject({ logLost: false, passed: { tick: 40n, id: 101n } });
  });

  test('a rebase of a recreated topic begins at the start, as far as ticks are retained', () => {
    const made = plan([scan('1.40.100', [], { whole: true })], { lowestTick: 12n });
    expect(made.doneTick).toBe(12n);
    expect(made.partitions[0]).toMatchObject({
      logLost: true,
      prev: { epoch: 1, tick: 0n, id: 0n },
      passed: { tick: 0n, id: 0n },
    });
  });

  test('a rebase uses the cursor where the log no longer has a record of the source', () => {
    expect(plan([scan('1.40.100', [])]).partitions[0]).toMatchObject({
      logLost: false,
      prev: { tick: 40n, id: 100n },
      passed: { tick: 40n, id: 100n },
    });
  });

  test('a rebase ignores what an older epoch left behind', () => {
    const made = plan(
      [
        scan('2.40.100', [
          ['1.99.500', 'older'],
          ['2.40.100', 'same'],
        ]),
      ],
      { epoch: 2 },
    );
    expect(made).toMatchObject({ epoch: 3, forkedTick: 50n });
    expect(made.partitions[0]).toMatchObject({ beyond: [], prev: { epoch: 2, tick: 40n, id: 100n } });
  });
});

test('a tick below the latest that is not there was dropped, one above it never was', () => {
  const known = { epoch: 2, nonces: new Map([[7n, '000000000000000a']]), latest: 9n };
  const place = (text: string) => placeOf(parsePosition(text), known);
  expect(place('2.7.1.000000000000000a')).toBe('same');
  expect(place('2.7.1.000000000000000b')).toBe('other');
  expect(place('2.5.1.000000000000000b')).toBe('dropped');
  expect(place('2.10.1.000000000000000b')).toBe('missing');
  expect(place('1.10.1.000000000000000b')).toBe('older');
  expect(place('2.0.0.0000000000000000')).toBe('same');
});
