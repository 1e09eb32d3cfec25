import { Cron } from 'croner';
import type { Reconciler } from './reconciler.ts';

/**
 * Decides whether a run is due. Pure.
 * A reconciler that never ran is due at once; several missed times are one run. A run that takes longer than the interval
 * is followed by the next one, never overlapped.
 */
export function isDue({ schedule, timeZone }: Reconciler, lastRunAt: Date | null, now: Date): boolean {
  if (schedule === undefined) return false;
  if (lastRunAt === null) return true;
  const next = new Cron(schedule, { timezone: timeZone, paused: true }).nextRun(lastRunAt);
  return next !== null && next <= now;
}

/** Returns the next scheduled time, for display. null = no schedule, or no future time. */
export function nextRun({ schedule, timeZone }: Reconciler, after: Date): Date | null {
  if (schedule === undefined) return null;
  return new Cron(schedule, { timezone: timeZone, paused: true }).nextRun(after);
}
