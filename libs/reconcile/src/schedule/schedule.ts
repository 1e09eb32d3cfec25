import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import type { DeclarationFault } from '../errors.ts';

/** The times of a reconciler's runs. */
export interface ScheduleDefinition {
  /** A cron pattern of 5 or 6 fields. */
  readonly cron: string;
  /** An IANA time zone. @default 'UTC' */
  readonly timeZone?: string;
  /** Each start is delayed by up to this time, so that reconcilers do not start together, in milliseconds. @default 0 */
  readonly jitterMs?: number;
  /**
   * The reaction to starts that could not be made in time: no process ran, or the run before took too long.
   * `once`: one run for all of them. `skip`: none; the next start is made at its time.
   * @default 'once'
   */
  readonly missed?: 'once' | 'skip';
}

/** A schedule with its defaults. */
export interface Schedule extends Required<ScheduleDefinition> {
  /** Distinguishes the delays of reconcilers that have one pattern. */
  readonly name: string;
}

/** Resolves the defaults of a schedule; undefined = none. */
export function resolveSchedule(
  name: string,
  given: string | ScheduleDefinition | undefined,
  timeZone: string | undefined,
): Schedule | undefined {
  if (given === undefined) return undefined;
  const definition = typeof given === 'string' ? { cron: given } : given;
  const defaults = { timeZone: timeZone ?? 'UTC', jitterMs: 0, missed: 'once' } as const;
  return Object.freeze({ ...defaults, ...definition, name });
}

/** A field of a schedule that is invalid, and what to write instead; undefined = it is valid. */
export function scheduleFault({ cron, timeZone, jitterMs, missed }: Schedule): DeclarationFault | undefined {
  if (!Number.isInteger(jitterMs) || jitterMs < 0 || jitterMs > 3_600_000)
    return {
      field: 'schedule.jitterMs',
      value: jitterMs,
      fix: 'give whole milliseconds from 0 to 3600000 (an hour)',
    };
  // A module without types may give anything.
  if (!['once', 'skip'].includes(missed))
    return { field: 'schedule.missed', value: missed, fix: "give 'once' or 'skip'" };
  try {
    if (cronOf({ cron, timeZone }).nextRun() !== null) return undefined;
  } catch (error) {
    return {
      field: 'schedule',
      value: cron,
      fix: `croner does not accept it in ${timeZone}: ${String(error)}`,
    };
  }
  return { field: 'schedule', value: cron, fix: 'it never comes: give a pattern with a future time' };
}

/** Returns the first start of the pattern after a time, without the delay. null = there is none. */
export function startAfter(schedule: Pick<Schedule, 'cron' | 'timeZone'>, after: Date): Date | null {
  return cronOf(schedule).nextRun(after);
}

/** The delay of one start, in milliseconds: a function of name and time, so that all processes agree on it. */
export function jitterOf({ name, jitterMs }: Schedule, start: Date): number {
  if (jitterMs === 0) return 0;
  const hash = createHash('sha256').update(`${name} ${start.getTime()}`).digest();
  return hash.readUInt32BE(0) % (jitterMs + 1);
}

/** Returns the next time of a start, its delay included. null = no schedule, or no future time. */
export function nextRun(schedule: Schedule | undefined, after: Date): Date | null {
  if (schedule === undefined) return null;
  // A start whose delay has not passed is still to come.
  const from = new Date(after.getTime() - schedule.jitterMs - 1);
  for (let start = startAfter(schedule, from); start !== null; start = startAfter(schedule, start)) {
    const due = new Date(start.getTime() + jitterOf(schedule, start));
    if (due > after) return due;
  }
  return null;
}

/** Returns the first start after one that was decided, its delay included. null = there is none. */
export function startDueAfter(schedule: Schedule | undefined, decided: Date): Date | null {
  const start = schedule === undefined ? null : startAfter(schedule, decided);
  return schedule === undefined || start === null
    ? null
    : new Date(start.getTime() + jitterOf(schedule, start));
}

function cronOf({ cron, timeZone }: Pick<Schedule, 'cron' | 'timeZone'>): Cron {
  return new Cron(cron, { timezone: timeZone, paused: true });
}
