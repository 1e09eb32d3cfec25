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
/** A retry ends when no outcome came for so long, in milliseconds: a consumer that runs gives one within seconds. */
export const SILENCE_MS = 60_000;

export type NextRetry =
  | { readonly kind: 'send' }
  /** Too many are out without an outcome. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'stop'; readonly why: string };

/** How long a retry has had no outcome, and how long it may, in milliseconds. */
export interface Silence {
  readonly ms: number;
  readonly limitMs: number;
}

/** Decides whether to retry one more event (pure). `stopAtPercent` undefined: outcomes do not matter. */
export function nextRetry(
  { applied, failed, pending }: RetryCounts,
  stopAtPercent: number | undefined,
  silence: Silence = { ms: 0, limitMs: SILENCE_MS },
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
  if (pending < most) return { kind: 'send' };
  return silence.ms < silence.limitMs
    ? { kind: 'wait' }
    : { kind: 'stop', why: silenceText(pending, silence) };
}

/** Says that no outcome came, why that is, and what to do. Pure. */
export function silenceText(pending: number, { limitMs }: Pick<Silence, 'limitMs'>): string {
  return `no outcome for ${limitMs / 1_000} s: ${pending} retried ${pending === 1 ? 'event is' : 'events are'} due, and no consumer process applied one. Start the consumer (\`converge consumers list\` shows where it is); it applies them then, and a retry continues with the rest`;
}
