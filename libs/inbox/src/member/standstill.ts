/** The result of one look at a partition. */
export interface Look {
  readonly nextOffset: bigint;
  /** Records in the log that are not handled. */
  readonly lag: bigint;
  /** True when a reason is known: a halt, a pause, or an outage of the consumer's own database. */
  readonly named: boolean;
}

/** A partition that stays at one offset with records to handle and without a reason. */
export interface Standstill {
  readonly at: bigint;
  /** The begin of the standstill, in monotonic milliseconds. */
  readonly since: number;
  /** The last look that found it. */
  readonly until: number;
}

/** A look that is later than this by its period, in milliseconds: the process was frozen, or its machine slept. */
const ASLEEP_MS = 60_000;

/**
 * Compares a look with those before (pure). Undefined: it moves, has a reason to wait, or nothing to do. Time in which the
 * process did not look does not count.
 */
export function standstill(
  before: Standstill | undefined,
  { nextOffset, lag, named }: Look,
  { now, everyMs }: { readonly now: number; readonly everyMs: number },
): Standstill | undefined {
  if (named || lag <= 0n) return undefined;
  const isSame = before?.at === nextOffset && now - before.until <= everyMs + ASLEEP_MS;
  return { at: nextOffset, since: isSame ? before.since : now, until: now };
}
