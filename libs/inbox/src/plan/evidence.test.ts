import { parsePosition, type Position } from '@convergekit/contracts/engine';
import { describe, expect, it } from 'vitest';
import { FixtureSource } from '../testing/fixture-source.ts';
import { testEvents } from '../fixture/ledger.ts';
import { forkOf, jumpOf, lastEventOf, MOST_EPOCHS } from './evidence.ts';
import type { LastEvent, Seen, Watermark } from './judge.ts';
import { readRecord } from './reading.ts';

/** Planted faults, each seen to fail here: a limit that the record's own time moves; a link that counts its ends; a later
 * record that is not looked at. */

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 26);
const { counted } = testEvents('orders');
const at = (text: string): Position => {
  const { epoch, tick, id } = parsePosition(text);
  return { epoch, tick, id };
};
const last = (change: Partial<LastEvent> = {}): LastEvent => ({
  offset: 7n,
  id: 'a',
  prev: at('1.100.5'),
  newestMs: NOW,
  unknownUntilMs: 0,
  ...change,
});
const seen = (text: string, of: LastEvent | 'unknown' = last()): Seen => {
  const watermark: Watermark = { ...at(text), last: of === 'unknown' ? undefined : of };
  return new Map([[watermark.epoch, watermark]]);
};
const mark = (text: string, prev = '1.100.5') => ({ source: 's', position: at(text), prev: at(prev) });

describe('a position that its source cannot have reached', () => {
  const jumps = (text: string, known: Seen, nowMs = NOW) => jumpOf(mark(text), known, nowMs)?.kind === 'jump';

  it('G4b: a tick that rose by more than the elapsed time allows is a jump', () => {
    const known = seen('1.200.9');
    expect(jumps('1.36000200.1', known)).toBe(false);
    expect(jumps('1.36000201.1', known)).toBe(true);
    expect(jumps('1.9223372036854775807.1', known)).toBe(true);
  });

  it('a tick after weeks of idleness is no jump', () => {
    const weeks = 6 * 7 * 24 * HOUR;
    expect(jumps('1.3000000000.1', seen('1.200.9'), NOW + weeks)).toBe(false);
    // The check also holds while the consumer catches up: the creation time of the last event counts, not its reading.
    expect(jumps('1.3000000000.1', seen('1.200.9', last({ newestMs: NOW - weeks })))).toBe(false);
    expect(jumps('1.3000000000.1', seen('1.200.9', last({ newestMs: 0 })))).toBe(false);
  });

  it('the first tick of an unknown source is bounded by the age of the kit', () => {
    for (const known of [new Map() as Seen, seen('1.200.9', 'unknown')]) {
      expect(jumps('1.100000000000.1', known)).toBe(false);
      expect(jumps('1.9000000000000000000.1', known)).toBe(true);
    }
  });

  it('an epoch out of reach, or one epoch too many, is a jump', () => {
    expect(jumps('2.1.1', seen('1.200.9'))).toBe(false);
    expect(jumps('65.1.1', seen('1.200.9'))).toBe(false);
    expect(jumps('66.1.1', seen('1.200.9'))).toBe(true);
    expect(jumps('2147483647.1.1', new Map())).toBe(true);
    const many: Seen = new Map(
      Array.from({ length: MOST_EPOCHS }, (_, n) => [n + 1, { epoch: n + 1, tick: 1n, id: 1n }]),
    );
    expect(jumps(`${MOST_EPOCHS + 1}.1.1`, many)).toBe(true);
    expect(jumps(`${MOST_EPOCHS}.2.1`, many)).toBe(false);
  });
});

describe('a record that excludes the one at the watermark', () => {
  const source = new FixtureSource({ partitions: 1 });
  const reading = (time: number, id = 'b') => {
    const { record } = source.record(counted({ key: 'k', n: 1 }), id);
    const headers = record.headers.map(([name, value]): [string, Buffer] => [
      name,
      Buffer.from(name === 'ce_time' ? new Date(time).toISOString() : value),
    ]);
    return readRecord({
      topic: 'orders',
      partition: 0,
      offset: 9n,
      timestampMs: time,
      key: Buffer.from('k'),
      value: Buffer.from('{}'),
      headers,
    });
  };
  const why = (text: string, known: Seen, time = NOW, id = 'b', prev = '1.100.5') => {
    const found = forkOf(mark(text, prev), reading(time, id), known, NOW);
    return found?.kind === 'fork' ? found.why : undefined;
  };

  it('G4b: a record between the watermark and the predecessor that its event named is a fork', () => {
    const known = seen('1.300.9');
    expect(why('1.200.1', known)).toBe('same_predecessor');
    expect(why('1.300.8', known)).toBe('same_predecessor');
    expect(why('1.100.5', known)).toBeUndefined();
    expect(why('1.50.1', known)).toBeUndefined();
  });

  it('a record above the watermark whose predecessor lies below it is a fork', () => {
    const known = seen('1.300.9');
    const after = (prev: string, text = '1.301.1') => why(text, known, NOW, 'b', prev);
    expect(after('1.300.8')).toBe('passed_over');
    expect(after('1.300.9')).toBeUndefined();
    expect(after('1.300.10')).toBeUndefined();
    // The first event of a topic that its source forgot, and that of a later epoch.
    expect(after('1.0.0')).toBeUndefined();
    expect(after('1.299.1', '2.301.1')).toBeUndefined();
  });

  it('a record with the position of the watermark and another id is a fork', () => {
    expect(why('1.300.9', seen('1.300.9'))).toBe('same_position');
    expect(why('1.300.9', seen('1.300.9'), NOW, 'a')).toBeUndefined();
    expect(why('1.300.9', seen('1.300.9', last({ id: undefined })))).toBeUndefined();
  });

  it('a record below the watermark that was created after every handled event is a fork', () => {
    expect(why('1.50.1', seen('1.300.9'), NOW + 1)).toBe('made_later');
    expect(why('1.50.1', seen('1.300.9', last({ unknownUntilMs: NOW + HOUR })), NOW + 1)).toBeUndefined();
  });

  // Planted fault: a look that does not ask how far ahead of this clock the record is.
  it('a repeat that was created an hour ahead of the consumer or more is no fork: its clock may be behind', () => {
    const known = seen('1.300.9', last({ newestMs: NOW + HOUR }));
    expect(why('1.50.1', seen('1.300.9'), NOW + HOUR)).toBe('made_later');
    expect(why('1.50.1', known, NOW + 2 * HOUR)).toBeUndefined();
  });

  it('no repeat is a fork where a replay moved the watermark', () => {
    expect(why('1.200.1', seen('1.300.9', 'unknown'), NOW + HOUR)).toBeUndefined();
  });

  it('a claimed creation time hides no fork: the newest known time is at most an hour from now', () => {
    expect(lastEventOf(reading(NOW + 1_000 * HOUR), seen('1.200.9'), NOW).newestMs).toBe(NOW + HOUR);
    expect(lastEventOf(reading(NOW - HOUR), seen('1.200.9'), NOW).newestMs).toBe(NOW);
  });
});
