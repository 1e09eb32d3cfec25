import { comparePositions, type Position, WIRE } from '@convergekit/contracts';
import { highest, type LastEvent, type Mark, type Seen } from './judge.ts';
import type { Reading } from './reading.ts';

/** Why a record and what was handled before cannot both be of an honest source. */
export type Contradiction =
  /** Its source cannot have come so far: `limit` is how far. */
  | {
      readonly kind: 'jump';
      readonly what: 'tick' | 'epoch';
      readonly limit: bigint;
      readonly top: Position | undefined;
    }
  /** It and the event at the watermark exclude each other. */
  | { readonly kind: 'fork'; readonly why: ForkReason; readonly at: Position; readonly last: LastEvent };

/**
 * `same_position`: two events at one position · `same_predecessor`: the event at the watermark named as the one before it an
 * event that stands before this one · `made_later`: this one was made after everything that was handled
 */
export type ForkReason = 'same_position' | 'same_predecessor' | 'made_later';

/** A relay makes at most one tick in a poll, and polls at most once in a millisecond: ten times that, for one second. */
const TICKS_PER_SECOND = 10_000n;
/** How far the clocks of a source and a consumer may be apart: brokers refuse records that are further ahead by default. */
const SKEW_MS = 3_600_000;
/** Ticks count from zero, and no source is older than the kit. */
const FIRST_TICK_MS = Date.UTC(2025, 0);
/** An epoch begins when an operator rebases a source after a restore. */
export const MOST_NEW_EPOCHS = 64;
export const MOST_EPOCHS = 256;

/**
 * Compares a record whose position would move the watermark with what its source can have reached. Honest ticks rise by one
 * in a poll that finds something, so elapsed time bounds them: from the newest event that was handled, whose tick is not
 * older than it, to now. Neither end is the record's own word. Pure.
 */
export function jumpOf({ position }: Mark, seen: Seen, nowMs: number): Contradiction | undefined {
  const top = highest(seen);
  const epochs = BigInt((top?.epoch ?? MOST_EPOCHS) + MOST_NEW_EPOCHS);
  const tooMany = seen.size >= MOST_EPOCHS && !seen.has(position.epoch);
  if (BigInt(position.epoch) > epochs || tooMany)
    return { kind: 'jump', what: 'epoch', limit: tooMany ? BigInt(top?.epoch ?? 0) : epochs, top };
  const limit = tickLimit(top, top === undefined ? undefined : seen.get(top.epoch)?.last, nowMs);
  return position.tick > limit ? { kind: 'jump', what: 'tick', limit, top } : undefined;
}

function tickLimit(top: Position | undefined, last: LastEvent | undefined, nowMs: number): bigint {
  if (top === undefined || last === undefined) return ticksIn(nowMs - FIRST_TICK_MS);
  return top.tick + ticksIn(nowMs - last.newestMs + SKEW_MS);
}

function ticksIn(ms: number): bigint {
  return (BigInt(Math.max(SKEW_MS, Math.ceil(ms))) * TICKS_PER_SECOND) / 1_000n;
}

/**
 * Compares a record that is at or below the watermark with the event there. A repeat is a copy of an event that was handled,
 * so it stands nowhere where none can stand, and was made no later than the newest of them. Pure.
 */
export function forkOf({ position }: Mark, { content }: Reading, seen: Seen): Contradiction | undefined {
  const at = seen.get(position.epoch);
  if (at?.last === undefined || content.kind === 'marker') return undefined;
  const { last } = at;
  const fork = (why: ForkReason): Contradiction => ({ kind: 'fork', why, at, last });
  const envelope = content.kind === 'envelope' ? content.envelope : undefined;
  if (comparePositions(position, at) === 0) {
    const other = envelope !== undefined && last.id !== undefined && envelope.id !== last.id;
    return other ? fork('same_position') : undefined;
  }
  if (last.prev !== undefined && comparePositions(position, last.prev) > 0) return fork('same_predecessor');
  const made = madeMs(envelope) ?? 0;
  return made > Math.max(last.newestMs, last.unknownUntilMs) ? fork('made_later') : undefined;
}

/** What the watermark knows after this record. */
export function lastEventOf({ record, content, claim }: Reading, seen: Seen, nowMs: number): LastEvent {
  const envelope = content.kind === 'envelope' ? content.envelope : undefined;
  const top = highest(seen);
  const before = top === undefined ? undefined : seen.get(top.epoch)?.last;
  // A clock that is further ahead would hide what is made until then.
  const made = Math.min(madeMs(envelope) ?? 0, nowMs + SKEW_MS);
  return {
    offset: record.offset,
    id: envelope?.id,
    prev: claim?.prev,
    newestMs: Math.max(before?.newestMs ?? 0, made),
    unknownUntilMs: before?.unknownUntilMs ?? nowMs + SKEW_MS,
  };
}

function madeMs(
  envelope: { readonly headers: Readonly<Record<string, string>>; readonly time: Date } | undefined,
) {
  return envelope?.headers[WIRE.time] === undefined ? undefined : envelope.time.getTime();
}
