import { Cron } from 'croner';
import type { Reconciler } from './reconciler.ts';

/**
 * Pure: is a run due? A reconciler that never ran is due at once; several missed times are one run, and a run that
 * takes longer than the interval is followed by the next one, never overlapped.
 */
export function isDue({ schedule, timeZone }: Reconciler, lastRunAt: Date | null, now: Date): boolean {
  if (schedule === undefined) return false;
  if (lastRunAt === null) return true;
  const next = new Cron(schedule, { timezone: timeZone, paused: true }).nextRun(lastRunAt);
  return next !== null && next <= now;
}

/** When the schedule comes next, for people. null = no schedule, or never. */
export function nextRun({ schedule, timeZone }: Reconciler, after: Date): Date | null {
  if (schedule === undefined) return null;
  return new Cron(schedule, { timezone: timeZone, paused: true }).nextRun(after);
}
