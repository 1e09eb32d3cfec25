import { describe, expect, test } from 'vitest';
import {
  type Announced,
  announcedBy,
  bringsNews,
  mayPollSlowly,
  nextAnnounced,
  nothingAnnounced,
} from './poll-pace.ts';

type Step = readonly [found: number, announced: number, now: number];

/** Runs polls from a leadership that began at 0 and has had its first empty poll. A poll that found nothing was empty. */
function after(steps: readonly Step[]): Announced {
  return [[0, 0, 0] as const, ...steps].reduce(
    (state, [found, announced, now]) => nextAnnounced(state, { found, announced, isEmpty: found === 0, now }),
    nothingAnnounced(0),
  );
}
const isSlow = (steps: readonly Step[], now: number): boolean => mayPollSlowly(after(steps), now);

/**
 * Planted faults, each seen to fail here:
 * - announcements that an empty poll did not find are kept: a silent writer hides behind them;
 * - a debt stays although announcements have covered it: under steady load every writer would count as silent;
 * - events before the first empty poll are counted: every takeover would count as a silent writer.
 */
describe('what is known of the writers', () => {
  test('a relay polls often at first, and slowly once an event was announced', () => {
    expect(isSlow([], 3_999)).toBe(false);
    expect(isSlow([[1, 1, 1_000]], 1_000)).toBe(true);
  });

  test('a relay that heard nothing polls slowly when no event came for four seconds', () => {
    expect(isSlow([], 4_000)).toBe(true);
  });

  test('G2d: a relay polls often from an unannounced event on, at first in doubt', () => {
    const known: Step = [1, 1, 1_000];
    expect(isSlow([known, [1, 0, 2_000]], 2_000)).toBe(false);
  });

  test('an announcement that comes within five seconds of its event ends the doubt', () => {
    expect(
      isSlow(
        [
          [1, 0, 1_000],
          [0, 1, 5_999],
        ],
        5_999,
      ),
    ).toBe(true);
  });

  test('an event that stays unannounced shows a silent writer, which is expected for ten minutes', () => {
    const steps: Step[] = [
      [1, 1, 1_000],
      [1, 0, 2_000],
      [0, 0, 7_000],
    ];
    expect(isSlow(steps, 606_999)).toBe(false);
    expect(isSlow(steps, 607_000)).toBe(true);
  });

  test('a silent writer shows beside writers that announce every event', () => {
    const busy = Array.from({ length: 300 }, (_, at): Step => [3, 2, 1_000 + 100 * at]);
    for (const steps of [busy.slice(0, 1), busy.slice(0, 50), busy])
      expect(isSlow(steps, 31_000)).toBe(false);
    expect(after(busy).silentUntil).toBeGreaterThan(600_000);
  });

  test('announcements that follow their events under steady load are no sign of a silent writer', () => {
    const late = Array.from({ length: 1_000 }, (_, at): Step => [10, at === 0 ? 0 : 10, 20 * at]);
    const { silentUntil, owed } = after(late);
    expect([silentUntil, owed?.since]).toEqual([-Infinity, 20 * 999]);
  });

  test('an announcement of an event that was found before cannot cover a later event of a silent writer', () => {
    const steps: Step[] = [
      [0, 50, 1_000],
      [1, 0, 2_000],
      [0, 0, 7_000],
    ];
    expect(isSlow(steps, 7_000)).toBe(false);
  });

  test('events that a new leader finds before its first empty poll say nothing: they were announced to the last one', () => {
    const early = nextAnnounced(nothingAnnounced(0), { found: 500, announced: 1, isEmpty: false, now: 10 });
    const even = nextAnnounced(early, { found: 0, announced: 0, isEmpty: true, now: 20 });
    expect(mayPollSlowly(even, 20)).toBe(true);
    expect(even.owed).toBeUndefined();
  });

  test.each([
    ['12', 12],
    ['0', 0],
    ['', 0],
    ['-1', 0],
    ['1e9', 0],
    ['9999999999', 0],
    ['many', 0],
  ])('the payload %j announces %d events', (payload, events) => {
    expect(announcedBy(payload)).toBe(events);
  });

  // Planted fault: without the first condition, what was found before the first empty poll hides a new event.
  test.each([
    { what: 'an event that a poll found first', state: after([[2, 1, 1]]), heard: 1, found: 0, news: false },
    { what: 'one more than was found', state: after([[2, 1, 1]]), heard: 2, found: 0, news: true },
    { what: 'an event that the poll in work found', state: after([]), heard: 1, found: 1, news: false },
    {
      what: 'an event before the first empty poll',
      state: nothingAnnounced(0),
      heard: 1,
      found: 3,
      news: true,
    },
  ])('a notification of $what wakes: $news', ({ state, heard, found, news }) => {
    expect(bringsNews(state, { events: 1, heard, found })).toBe(news);
  });
  test('a notification without a number always wakes', () => {
    expect(bringsNews(after([[2, 1, 1]]), { events: 0, heard: 0, found: 0 })).toBe(true);
  });
});
