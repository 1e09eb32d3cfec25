/** What one look at a partition found. */
export interface Look {
  readonly nextOffset: bigint;
  /** Records that are there and not handled. */
  readonly lag: bigint;
  /** It says why it waits: it is halted or paused, or its own database does not answer. */
  readonly named: boolean;
}

/** A partition that stands at one place with something to handle, and gives no reason. */
export interface Standstill {
  readonly at: bigint;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/** Compares a look with what the looks before found; undefined while there is nothing to wonder about. Pure. */
export function standstill(
  before: Standstill | undefined,
  { nextOffset, lag, named }: Look,
  now: number,
): Standstill | undefined {
  if (named || lag <= 0n) return undefined;
  return before?.at === nextOffset ? before : { at: nextOffset, since: now };
}
