import { expect, it } from 'vitest';
import { finalInMs } from './decide.ts';
import { type ClaimedWork, COVERED, type WorkAttempt } from './work.ts';

const MINUTE = 60_000;
const FINAL_MS = 40_000;
const START = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();
const wait = { computedMs: 1, capMs: 1, rule: 'not_final' } as const;
const call = (seconds: number, certainty: 'unknown' | 'not_applied' = 'unknown'): WorkAttempt => ({
  at: at(seconds),
  op: 'call',
  durationMs: 0,
  failure: { category: 'network', certainty, code: 'X', message: '' },
});
const query = (seconds: number): WorkAttempt => ({
  at: at(seconds),
  op: 'query',
  durationMs: 0,
  found: 'not_found',
  wait,
});
const believed = (seconds: number): WorkAttempt => ({
  at: at(seconds),
  op: 'query',
  durationMs: 0,
  found: 'not_found',
});
/** The time that is left at `seconds`, when the database's clock has jumped far ahead. */
const left = (seconds: number, story: readonly WorkAttempt[], more: Partial<ClaimedWork> = {}): number => {
  const work = { finalInMs: -MINUTE, finalMs: FINAL_MS, doubt: true, found: 'unknown', story, ...more };
  return finalInMs(work as unknown as ClaimedWork, START + seconds * 1_000);
};

// Planted fault: by the database's clock alone each of these is final, and the call is made a second time.
it('"not found" is final once the time of the call has passed by the clocks of the workers, too', () => {
  expect(left(30, [call(0)])).toBe(10_000);
  expect(left(40, [call(0)])).toBe(0);
  expect(left(50, [call(0), query(30)])).toBe(-10_000);
  // The call of a worker that did not come back left no entry: it had begun when the first query found its row.
  expect(left(50, [], { found: 'calling' })).toBe(FINAL_MS);
  expect(left(60, [query(50)])).toBe(30_000);
  // Neither an earlier call that certainly did nothing nor one that was not found says when the later one began.
  expect(left(60, [call(0, 'not_applied'), query(50)])).toBe(30_000);
  expect(left(60, [call(0), believed(41), query(50), query(55)])).toBe(30_000);
});

// Planted fault: the time of the refusal has "not found" believed one more time of the call later.
it('a call that the breaker refused neither hides the call before it nor prolongs its time', () => {
  const refused = call(35, 'not_applied');
  expect(left(36, [call(0), refused])).toBe(4_000);
  expect(left(40, [call(0), refused])).toBe(0);
  expect(left(40, [call(0), believed(20), refused])).toBe(0);
  // A call that left no entry had begun before the first attempt that is known.
  expect(left(45, [believed(1), refused])).toBe(-4_000);
  // A query after the refusal may have found the row of a later call that left no entry.
  expect(left(60, [call(0), refused, query(50)])).toBe(30_000);
});

it('a call whose step is to be undone is in doubt for the time of one call, however late it is queried', () => {
  const covered: WorkAttempt = { ...call(35), failure: COVERED };
  expect(left(41, [call(0), believed(20), covered])).toBe(-1_000);
  expect(left(41, [call(0), call(34, 'not_applied'), covered, query(36)])).toBe(-1_000);
});

// Planted fault: with the begin alone as its bound, a clock that was set back by an hour has the call queried for an hour.
it('a worker whose clock is set back believes "not found" at most one time of the call later, and none too early', () => {
  const back = -3_600;
  expect(left(back + 10, [call(0)])).toBe(FINAL_MS);
  expect(left(back + 50, [call(0), query(back + 10)])).toBe(0);
  expect(left(back + 30, [call(0), query(5), query(back + 10)])).toBe(20_000);
  // A worker with the right clock still counts from the begin, whatever the clock of the one before it was.
  expect(left(20, [call(0), query(back + 10)])).toBe(20_000);
  // One query of a worker whose clock is ahead, or behind a little, changes nothing.
  expect(left(30, [call(0), query(3_600), query(20)])).toBe(10_000);
  expect(left(50, [call(0), query(30), query(20)])).toBe(-10_000);
});

it('"not found" is not final before its time by the database, and final at once where no call was made', () => {
  expect(left(60, [call(0)], { finalInMs: 5 })).toBe(5);
  expect(left(0, [], { doubt: false, finalInMs: 0 })).toBe(0);
});
