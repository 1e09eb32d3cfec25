import { countFailedAttempts } from '@convergekit/inbox/operate';
import { countFailedCalls } from '@convergekit/saga/operate';
import type { Executor } from '@convergekit/postgres';
import { z } from 'zod';

/** Failed attempts in spans of equal length, the oldest first. */
export const rateSchema = z.object({
  from: z.date(),
  to: z.date(),
  spanMs: z.number(),
  spans: z.array(z.number()).readonly(),
});
export type ErrorRate = z.output<typeof rateSchema>;

/** The spans of a chart. */
const SPANS = 96;

/** Reads the failed attempts of handlers and calls of a database, in the hours before `now`. */
export async function readErrorRate(
  executor: Executor,
  { now, hours }: { readonly now: number; readonly hours: number },
): Promise<ErrorRate> {
  const spanMs = (hours * 3_600_000) / SPANS;
  const to = new Date(now);
  const from = new Date(now - hours * 3_600_000);
  const range = { from, spanMs, spans: SPANS };
  const counts = [await countFailedAttempts(executor, range), await countFailedCalls(executor, range)];
  return { from, to, spanMs, spans: sumOf(counts) };
}

/** Adds the counts of several kinds of attempts, span by span. A kind that the database does not have is empty. Pure. */
export function sumOf(kinds: readonly (readonly number[])[]): ErrorRate['spans'] {
  return Array.from({ length: SPANS }, (_, span) =>
    kinds.reduce((sum, counts) => sum + (counts[span] ?? 0), 0),
  );
}

/**
 * The failed attempts in equal times before and after a moment. `reachMs`: the length of each of the two, shorter where the moment
 * was only just.
 */
export const aroundSchema = z.object({ before: z.number(), after: z.number(), reachMs: z.number() });
type Around = z.output<typeof aroundSchema>;

/** The longest time before and after a change that is counted, in spans of the chart. */
const REACH = 4;

/** Counts the failed attempts before and after a moment, from the moment itself. */
export async function readAround(
  executor: Executor,
  at: Date,
  { now, spanMs }: { readonly now: number; readonly spanMs: number },
): Promise<Around> {
  const reachMs = Math.max(1, Math.min(REACH * spanMs, now - at.getTime()));
  const range = { from: new Date(at.getTime() - reachMs), spanMs: reachMs, spans: 2 };
  const [handlers, calls] = [
    await countFailedAttempts(executor, range),
    await countFailedCalls(executor, range),
  ];
  const sum = (span: number): number => (handlers[span] ?? 0) + (calls[span] ?? 0);
  return { before: sum(0), after: sum(1), reachMs };
}

/** Adds to each change within a chart the failed attempts around it; null = it is older than the chart. */
export async function withAround<Change extends { readonly changedAt: Date }>(
  executor: Executor,
  changes: readonly Change[],
  { from, to, spanMs }: ErrorRate,
): Promise<(Change & { readonly around: Around | null })[]> {
  const found: (Change & { readonly around: Around | null })[] = [];
  for (const change of changes) {
    const isShown = change.changedAt >= from;
    const around = isShown
      ? await readAround(executor, change.changedAt, { now: to.getTime(), spanMs })
      : null;
    found.push({ ...change, around });
  }
  return found;
}
