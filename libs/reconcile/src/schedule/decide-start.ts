import { jitterOf, type Schedule, startAfter } from './schedule.ts';

/** What the schedule asks for now. */
export type Start =
  | { readonly kind: 'wait' }
  | ({ readonly kind: 'run' } & Starts)
  /** Starts that were missed and are left out: policy `skip`. */
  | ({ readonly kind: 'skip' } & Starts);

/** Scheduled starts that one decision answers. */
export interface Starts {
  /** The time of the oldest of them; null = the reconciler never ran. */
  readonly dueAt: Date | null;
  /** The newest of them: later ones are still to be decided. */
  readonly until: Date;
  /** Number of starts that are not made; of `run`, besides its own. At most COUNTED. */
  readonly missed: number;
  /** Of the starts, those that came while the run before was under way. */
  readonly overrun: number;
}

export interface ScheduleState {
  readonly now: Date;
  /** The newest start that was decided before; null = none. */
  readonly scheduledUntil: Date | null;
  /** The end of the run before; null = none. */
  readonly lastEndedAt: Date | null;
  /** A start that is at most this late is made in time, in milliseconds: the time that a change of leaders takes. */
  readonly graceMs: number;
}

/** The starts that are counted one by one. After a longer outage the number is a lower bound. */
export const COUNTED = 1_000;

/**
 * Decides whether a run starts now. Pure.
 * A reconciler that never ran starts at once. Several missed starts are one run, or none; a run that takes longer than the
 * interval is followed by the next, never overlapped.
 */
export function decideStart(schedule: Schedule | undefined, state: ScheduleState): Start {
  if (schedule === undefined) return { kind: 'wait' };
  const { now, scheduledUntil, lastEndedAt, graceMs } = state;
  if (scheduledUntil === null) return { kind: 'run', dueAt: null, until: now, missed: 0, overrun: 0 };
  const due = dueStarts(schedule, scheduledUntil, now);
  const [dueAt] = due.starts;
  if (dueAt === undefined) return { kind: 'wait' };
  const { until, starts } = due;
  const overrun = lastEndedAt === null ? 0 : starts.filter((start) => start <= lastEndedAt).length;
  const found = { dueAt, until, overrun };
  const inTime = until.getTime() >= now.getTime() - graceMs - schedule.jitterMs;
  return schedule.missed === 'skip' && !inTime
    ? { kind: 'skip', ...found, missed: starts.length }
    : { kind: 'run', ...found, missed: starts.length - 1 };
}

/** The starts after a time whose delay has passed, and the newest of them. */
function dueStarts(schedule: Schedule, after: Date, now: Date): { starts: readonly Date[]; until: Date } {
  const starts: Date[] = [];
  for (let start = startAfter(schedule, after); start !== null; start = startAfter(schedule, start)) {
    if (start.getTime() + jitterOf(schedule, start) > now.getTime()) break;
    starts.push(start);
    if (starts.length === COUNTED) return { starts, until: newestDue(schedule, start, now) };
  }
  return { starts, until: starts.at(-1) ?? after };
}

/** Finds the newest due start of a long outage without walking over all of them. */
function newestDue(schedule: Schedule, from: Date, now: Date): Date {
  for (let backMs = 60_000; ; backMs *= 4) {
    const near = new Date(now.getTime() - schedule.jitterMs - backMs);
    if (near <= from) return walk(schedule, from, now);
    const found = walk(schedule, near, now);
    if (found > near) return found;
  }
}

function walk(schedule: Schedule, from: Date, now: Date): Date {
  let newest = from;
  for (let start = startAfter(schedule, from); start !== null; start = startAfter(schedule, start)) {
    if (start.getTime() + jitterOf(schedule, start) > now.getTime()) break;
    newest = start;
  }
  return newest;
}
