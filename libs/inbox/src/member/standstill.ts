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
}

/** Compares a look with those before (pure). Undefined: it moves, has a reason to wait, or nothing to do. */
export function standstill(
  before: Standstill | undefined,
  { nextOffset, lag, named }: Look,
  now: number,
): Standstill | undefined {
  if (named || lag <= 0n) return undefined;
  return before?.at === nextOffset ? before : { at: nextOffset, since: now };
}
