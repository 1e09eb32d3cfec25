import { KIT_TYPES, type WirePosition } from '@convergekit/contracts/engine';

/** The highest positions that a source can have reached, whatever its database lost since. */
export interface Reach {
  readonly epoch: number;
  /** The latest tick that the database has. */
  readonly latest: bigint;
  /** The last id that was given, by the outbox's sequence and by that tick: no id up to that tick is higher. */
  readonly sequence: bigint;
  /** The time since that tick was made, by the database's clock, in milliseconds. */
  readonly sinceLatestMs: number;
}

/** The maximum of ticks per millisecond; a relay makes fewer, since a tick is a committed transaction. */
const TICKS_A_MS = 10;
/** The slack for clocks that stepped back, in ticks. */
const SLACK_TICKS = 1_000_000n;
/** An epoch more is an operator's rebase. */
const EPOCHS_AHEAD = 1_000;
/** The outbox refuses a higher id. */
const MOST_ID = 2n ** 53n;

/**
 * Returns why the source cannot have written a record that claims its name; undefined when it can. The function is
 * pure. A database that went back is found by positions that it does not know, so those must stay possible: the reach
 * of a lost past is bounded by the time since the last remaining tick. Records beyond it were forged.
 */
export function forgeryOf(
  { position, type }: { readonly position: WirePosition; readonly type: string },
  { epoch, latest, sequence, sinceLatestMs }: Reach,
): string | undefined {
  if (position.nonce === undefined) return 'its position has no nonce, and every relay writes one';
  if (position.epoch > epoch + EPOCHS_AHEAD)
    return `epoch ${position.epoch} is out of reach: the database is at epoch ${epoch}`;
  if ((type === KIT_TYPES.epochMarker) !== (position.tick === 0n))
    return 'a marker of an epoch, and nothing else, has tick 0';
  const most = latest + BigInt(Math.max(0, Math.ceil(sinceLatestMs * TICKS_A_MS))) + SLACK_TICKS;
  if (position.tick > most)
    return `tick ${position.tick} is out of reach: the latest of the database is ${latest}, and no relay can have made more than ${most} by now`;
  if (position.id > (position.epoch === epoch && position.tick <= latest ? sequence : MOST_ID))
    return `id ${position.id} is out of reach: the outbox's sequence is at ${sequence}`;
  return undefined;
}
