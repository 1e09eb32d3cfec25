import { countFailedAttempts, type FailedAttempts } from '@convergekit/inbox/operate';
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
  const range = { from, to, spanMs };
  return {
    ...range,
    spans: sumOf([await countFailedAttempts(executor, range), await countFailedCalls(executor, range)]),
  };
}

/** Adds the counts of several kinds of attempts, span by span. Pure. */
export function sumOf(kinds: readonly (readonly FailedAttempts[])[]): ErrorRate['spans'] {
  const spans = Array.from({ length: SPANS }, () => 0);
  for (const { span, failed } of kinds.flat()) {
    // The last moment of the range may be rounded into a span behind it.
    const index = Math.min(Math.max(span, 0), SPANS - 1);
    spans[index] = (spans[index] ?? 0) + failed;
  }
  return spans;
}
