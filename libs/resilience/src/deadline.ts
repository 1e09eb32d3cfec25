/** The header of a deadline, in events and in calls: an instant in ISO 8601. */
const DEADLINE_HEADER = 'ce_deadline';

/** The code of a call that was not made because its deadline had passed. */
export const DEADLINE_PASSED = 'DEADLINE_PASSED';

/**
 * Builds the headers that pass a deadline to another system. The system can then stop work for an expired caller.
 * @example
 * ```ts
 * import { deadlineHeaders } from 'convergekit/http';
 *
 * const deadline = new Date(Date.now() + 2_000);
 * const headers = { accept: 'application/json', ...deadlineHeaders(deadline) };
 * const rates = await fetch('https://rates.example', { headers, signal: AbortSignal.timeout(2_000) });
 * ```
 */
export function deadlineHeaders(deadline: Date): Readonly<Record<string, string>> {
  return { [DEADLINE_HEADER]: deadline.toISOString() };
}

/**
 * Parses the deadline of a received call; undefined when missing or invalid.
 * @example
 * ```ts
 * import { readDeadline } from 'convergekit/http';
 *
 * const deadline = readDeadline('2030-01-01T00:00:00.000Z');
 * const isLate = deadline !== undefined && deadline.getTime() < Date.now();
 * ```
 */
export function readDeadline(text: string | null | undefined): Date | undefined {
  if (text === null || text === undefined || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** Returns the milliseconds until a deadline; infinity without one. */
export function leftMs(deadline: Date | undefined, now: number): number {
  return deadline === undefined ? Number.POSITIVE_INFINITY : deadline.getTime() - now;
}
