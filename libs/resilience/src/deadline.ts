/** The header in which a deadline travels, in events and in calls: an instant in ISO 8601. */
export const DEADLINE_HEADER = 'ce_deadline';

/** The code of a call that was not made because the caller's time was over. */
export const DEADLINE_PASSED = 'DEADLINE_PASSED';

/** What a call to another system carries, so that it does not work on for a caller who has gone. */
export function deadlineHeaders(deadline: Date): Readonly<Record<string, string>> {
  return { [DEADLINE_HEADER]: deadline.toISOString() };
}

/** The deadline of a call that came in; undefined when there is none, or one that is no instant. */
export function readDeadline(text: string | null | undefined): Date | undefined {
  if (text === null || text === undefined || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** Milliseconds until a deadline; infinitely many when there is none. */
export function leftMs(deadline: Date | undefined, now: number): number {
  return deadline === undefined ? Number.POSITIVE_INFINITY : deadline.getTime() - now;
}
