import { readSchedules, type RecordedSchedule } from '@convergekit/reconcile/operate';
import type { Databases, Gathered } from '../../databases.ts';

/** Chooses schedules: all given conditions must hold. */
export interface ScheduleFilter {
  readonly database?: string | undefined;
  /** A part of the name: `stock-` is a family. */
  readonly name?: string | undefined;
}

/** Reads the schedules that match, of all databases or of one. */
export function gatherSchedules(
  databases: Databases,
  { database, name }: ScheduleFilter,
): Promise<Gathered<RecordedSchedule>> {
  const matches = ({ reconciler }: RecordedSchedule): boolean =>
    name === undefined || reconciler.includes(name);
  return databases.gather(async (executor) => (await readSchedules(executor)).filter(matches), database);
}

/** The share of the time between two starts that the newest run took; above 1 it overruns. null = not known. Pure. */
export function loadOf({
  nextAt,
  previousAt,
  last,
}: Pick<RecordedSchedule, 'nextAt' | 'previousAt' | 'last'>): number | null {
  if (nextAt === null || previousAt === null || last === null) return null;
  const betweenMs = nextAt.getTime() - previousAt.getTime();
  return betweenMs <= 0 ? null : last.durationMs / betweenMs;
}
