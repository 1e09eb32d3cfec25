import { describe, expect, it } from 'vitest';
import { defineReconciler, from, type Reconciler } from '../reconciler.ts';
import { COUNTED, decideStart } from './decide-start.ts';
import { jitterOf, nextRun, type Schedule, type ScheduleDefinition, startAfter } from './schedule.ts';

const scheduled = (
  schedule?: string | ScheduleDefinition,
  { name = 'stock', ...over }: { readonly name?: string; readonly [option: string]: unknown } = {},
): Reconciler =>
  defineReconciler(name, {
    ...(schedule === undefined ? {} : { schedule }),
    keys: { scan: async function* () {} },
    desired: from<unknown>('a').read(() => Promise.resolve(null)),
    actual: from<unknown>('b').read(() => Promise.resolve(null)),
    compare: () => null,
    repair: () => Promise.resolve(1),
    ...over,
  });
const resolved = (definition: string | ScheduleDefinition): Schedule => scheduled(definition).schedule!;
const at = (text: string): Date => new Date(`2026-03-29T${text}Z`);
const iso = (date: Date | null): string | undefined => date?.toISOString();

interface Given {
  readonly until: Date | null;
  readonly now: Date;
  readonly ended?: Date;
}
const decide = (definition: string | ScheduleDefinition, { until, now, ended }: Given) =>
  decideStart(resolved(definition), {
    now,
    scheduledUntil: until,
    lastEndedAt: ended ?? null,
    graceMs: 60_000,
  });

describe('a start', () => {
  const every5 = '*/5 * * * *';

  it('a reconciler that never ran starts at once', () =>
    expect(decide(every5, { until: null, now: at('10:01:00') })).toMatchObject({ kind: 'run', missed: 0 }));

  it.each([
    ['before its time', at('10:00:00'), at('10:04:59'), 'wait'],
    ['at its time', at('10:00:00'), at('10:05:00'), 'run'],
    ['after its time', at('10:00:00'), at('10:05:07'), 'run'],
    ['again before the next time', at('10:05:00'), at('10:05:07'), 'wait'],
  ])('C6: a scheduled run %s: %s → %s', (_name, until, now, kind) =>
    expect(decide(every5, { until, now }).kind).toBe(kind),
  );

  it('a pattern with seconds is followed to the second', () => {
    expect(decide('*/2 * * * * *', { until: at('10:00:00'), now: at('10:00:01') }).kind).toBe('wait');
    expect(decide('*/2 * * * * *', { until: at('10:00:00'), now: at('10:00:02') }).kind).toBe('run');
  });

  it('starts that were missed are one run, and are counted', () =>
    expect(decide(every5, { until: at('08:00:00'), now: at('10:04:00') })).toEqual({
      kind: 'run',
      dueAt: at('08:05:00'),
      until: at('10:00:00'),
      missed: 23,
      overrun: 0,
    }));

  it('starts that came during the run before are counted as overrun, and are one run after it', () =>
    expect(decide(every5, { until: at('10:00:00'), ended: at('10:12:00'), now: at('10:12:01') })).toEqual({
      kind: 'run',
      dueAt: at('10:05:00'),
      until: at('10:10:00'),
      missed: 1,
      overrun: 2,
    }));

  it('missed starts are left out with the policy skip, and the next start is made at its time', () => {
    const skip = { cron: every5, missed: 'skip' } as const;
    expect(decide(skip, { until: at('08:00:00'), now: at('10:04:00') })).toMatchObject({
      kind: 'skip',
      until: at('10:00:00'),
      missed: 24,
    });
    expect(decide(skip, { until: at('10:00:00'), now: at('10:05:01') }).kind).toBe('run');
    // The time of a change of leaders is no outage.
    expect(decide(skip, { until: at('10:00:00'), now: at('10:05:59') }).kind).toBe('run');
    expect(decide(skip, { until: at('10:00:00'), now: at('10:06:01') }).kind).toBe('skip');
  });

  it('a long outage is decided by its newest start, without a walk over all', () => {
    const year = new Date('2025-03-29T10:00:00Z');
    const found = decide('* * * * * *', { until: year, now: at('10:00:00.500') });
    expect(found).toMatchObject({ kind: 'run', missed: COUNTED - 1, until: at('10:00:00') });
    expect(
      decide('0 0 * * *', { until: new Date('2020-01-01T00:00:00Z'), now: at('10:00:00') }),
    ).toMatchObject({
      missed: COUNTED - 1,
      until: at('00:00:00'),
    });
  });
});

describe('jitter', () => {
  const jittered = resolved({ cron: '*/5 * * * *', jitterMs: 60_000 });

  it('a jitter delays each start by less than its bound, differently, and alike in every process', () => {
    const starts = Array.from(
      { length: 50 },
      (_, index) => new Date(at('00:00:00').getTime() + index * 300_000),
    );
    const delays = starts.map((start) => jitterOf(jittered, start));
    expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
    expect(new Set(delays).size).toBeGreaterThan(40);
    expect(starts.map((start) => jitterOf({ ...jittered }, start))).toEqual(delays);
    expect(starts.map((start) => jitterOf({ ...jittered, name: 'other' }, start))).not.toEqual(delays);
  });

  it('a start is due when its delay has passed, and the next run is shown with it', () => {
    const delay = jitterOf(jittered, at('10:05:00'));
    const due = new Date(at('10:05:00').getTime() + delay);
    expect(delay).toBeGreaterThan(0);
    const state = { until: at('10:00:00'), now: new Date(due.getTime() - 1) };
    const jitter = { cron: '*/5 * * * *', jitterMs: 60_000 };
    expect(decide(jitter, state).kind).toBe('wait');
    expect(decide(jitter, { ...state, now: due })).toMatchObject({ kind: 'run', until: at('10:05:00') });
    expect(iso(nextRun(jittered, state.now))).toBe(due.toISOString());
  });
});

// The clock of Europe/Berlin skips 02:00 to 03:00 on 2026-03-29, and has 02:00 to 03:00 twice on 2026-10-25.
describe('a change of the clocks', () => {
  const berlin = (cron: string): Schedule => resolved({ cron, timeZone: 'Europe/Berlin' });
  const startsOf = (schedule: Schedule, from: string, count: number): readonly string[] => {
    const starts: Date[] = [];
    for (let start = new Date(from); starts.length < count; starts.push(start))
      start = startAfter(schedule, start)!;
    return starts.map((start) => start.toISOString());
  };

  it('the time zone decides the time of a run, also on the day of the change', () =>
    expect(iso(nextRun(berlin('0 9 * * *'), at('00:30:00')))).toBe('2026-03-29T07:00:00.000Z'));

  it('a start in the hour that is skipped is made once, at the end of that hour', () =>
    expect(startsOf(berlin('30 2 * * *'), '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]));

  it('a start in the hour that comes twice is made once, whatever the state was read at', () => {
    const daily = berlin('30 2 * * *');
    expect(startsOf(daily, '2026-10-24T00:00:00Z', 3)).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    for (const between of ['2026-10-25T00:30:00Z', '2026-10-25T00:45:00Z', '2026-10-25T01:10:00Z'])
      expect(iso(startAfter(daily, new Date(between)))).toBe('2026-10-26T01:30:00.000Z');
  });

  it.each(['2026-03-28T22:00:00Z', '2026-10-24T21:00:00Z'])(
    'a run every half hour is neither lost nor repeated on the night of %s',
    (from) => {
      const starts = startsOf(berlin('*/30 * * * *'), from, 12).map((text) => Date.parse(text));
      for (const [index, start] of starts.entries())
        expect(start).toBe(Date.parse(from) + (index + 1) * 1_800_000);
    },
  );

  it.each([
    ['2026-03-29T00:00:00Z', '2026-03-29T04:00:00Z'],
    ['2026-10-25T00:00:00Z', '2026-10-25T04:00:00Z'],
  ])('a leader that looks every minute from %s makes each start once', (from, to) => {
    const schedule = berlin('15 * * * *');
    let until = new Date(from);
    const made: string[] = [];
    for (let now = Date.parse(from); now <= Date.parse(to); now += 60_000) {
      const start = decideStart(schedule, {
        now: new Date(now),
        scheduledUntil: until,
        lastEndedAt: null,
        graceMs: 0,
      });
      if (start.kind === 'wait') continue;
      made.push(`${start.kind} ${start.until.toISOString().slice(11, 16)} ${start.missed}`);
      until = start.until;
    }
    expect(made).toEqual(['run 00:15 0', 'run 01:15 0', 'run 02:15 0', 'run 03:15 0']);
  });
});

it('a reconciler without a schedule is never due', () => {
  const { schedule } = scheduled();
  const state = { now: at('10:00:00'), scheduledUntil: null, lastEndedAt: null, graceMs: 0 };
  expect(decideStart(schedule, state)).toEqual({ kind: 'wait' });
  expect(nextRun(schedule, at('10:00:00'))).toBeNull();
});

it('the time zone beside a pattern is that of its schedule', () =>
  expect(scheduled('0 9 * * *', { timeZone: 'Europe/Berlin' }).schedule?.timeZone).toBe('Europe/Berlin'));

it.each([
  [{ name: 'Stock!' }, /name is "Stock!"; use lower-case/],
  [{ schedule: 'whenever' }, /schedule is "whenever"; croner does not accept it in UTC/],
  [
    { schedule: { cron: '0 9 * * *', timeZone: 'Europe/Berlln' } },
    /croner does not accept it in Europe\/Berlln/,
  ],
  [{ schedule: '0 0 30 2 *' }, /it never comes/],
  [{ schedule: { cron: '0 9 * * *', jitterMs: -1 } }, /schedule.jitterMs is -1; give whole milliseconds/],
  [{ schedule: { cron: '0 9 * * *', missed: 'all' } }, /schedule.missed is "all"; give 'once' or 'skip'/],
  [{ limits: { share: 2 } }, /limits.share is 2; give a share from 0 to 1/],
  [{ timing: { quietMs: 10, maxWaitMs: 5 } }, /timing.maxWaitMs is 5; give at least quietMs \(10\)/],
  [{ limits: { repairs: 1.5 } }, /limits.repairs is 1.5; give a whole number/],
])('an invalid declaration %j is rejected with field, value and fix', (over, message) => {
  expect(() => scheduled(undefined, over)).toThrow(message);
});
