/** How a retry of many events stands. */
export interface RetryCounts {
  /** Made due again so far. */
  readonly sent: number;
  /** Refused by their state: applied meanwhile, or behind a dead letter. */
  readonly refused: number;
  /** Of those sent: they took effect. */
  readonly applied: number;
  /** Of those sent: they failed again. */
  readonly failed: number;
  /** Of those sent: no consumer has tried them yet. */
  readonly pending: number;
}

/** So many outcomes are awaited before a percentage of them says anything. */
export const LEAST_OUTCOMES = 10;
/** At most so many events are out without an outcome, while outcomes decide. */
export const MOST_PENDING = 100;

export type NextRetry =
  | { readonly kind: 'send' }
  /** Too many are out without an outcome. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'stop'; readonly why: string };

/**
 * Decides whether to retry one more event (pure). `stopAtPercent`: of the outcomes, failures above which the rest is left
 * alone; undefined: outcomes do not matter.
 */
export function nextRetry(
  { applied, failed, pending }: RetryCounts,
  stopAtPercent: number | undefined,
): NextRetry {
  if (stopAtPercent === undefined) return { kind: 'send' };
  const known = applied + failed;
  if (known >= LEAST_OUTCOMES && failed * 100 > stopAtPercent * known) {
    const percent = Math.round((failed * 100) / known);
    return {
      kind: 'stop',
      why: `${failed} of ${known} failed again (${percent} %, the limit is ${stopAtPercent} %)`,
    };
  }
  // The first outcomes are awaited before more is sent: an outage that goes on costs no more than these.
  const most = known < LEAST_OUTCOMES ? LEAST_OUTCOMES : MOST_PENDING;
  return pending >= most ? { kind: 'wait' } : { kind: 'send' };
}
