import { countFailedAttempts } from '@convergekit/inbox/operate';
import { countFailedCalls } from '@convergekit/effects/operate';
import type { Executor } from '@convergekit/postgres';

/** Failed attempts in spans of equal length, the oldest first. */
export interface ErrorRate {
  readonly from: Date;
  readonly to: Date;
  readonly spanMs: number;
  readonly spans: readonly number[];
}

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
