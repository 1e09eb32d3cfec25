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
  const from = new Date(now - hours * 3_600_000);
  const spans = await countFailed(executor, { from, spanMs, spans: SPANS });
  return { from, to: new Date(now), spanMs, spans };
}

/** Equal spans of time, the first of which begins at `from`. */
interface Range {
  readonly from: Date;
  readonly spanMs: number;
  readonly spans: number;
}

async function countFailed(executor: Executor, range: Range): Promise<readonly number[]> {
  const counts = [await countFailedAttempts(executor, range), await countFailedCalls(executor, range)];
  return sumOf(counts, range.spans);
}

/** Adds the counts of several kinds of attempts, span by span. A kind that the database does not have is empty. Pure. */
export function sumOf(kinds: readonly (readonly number[])[], spans: number): readonly number[] {
  return Array.from({ length: spans }, (_, span) =>
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

/** Adds to each change within a chart the failed attempts around it; null = it is older than the chart. */
export async function withAround<Change extends { readonly changedAt: Date }>(
  executor: Executor,
  changes: readonly Change[],
  { from, to, spanMs }: ErrorRate,
): Promise<(Change & { readonly around: Around | null })[]> {
  const found: (Change & { readonly around: Around | null })[] = [];
  for (const change of changes) {
    const at = change.changedAt.getTime();
    const reachMs = Math.max(1, Math.min(REACH * spanMs, to.getTime() - at));
    const range = { from: new Date(at - reachMs), spanMs: reachMs, spans: 2 };
    const [before = 0, after = 0] = change.changedAt < from ? [] : await countFailed(executor, range);
    found.push({ ...change, around: change.changedAt < from ? null : { before, after, reachMs } });
  }
  return found;
}
