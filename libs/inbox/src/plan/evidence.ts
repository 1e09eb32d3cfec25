import { comparePositions, type Position, WIRE } from '@convergekit/contracts/engine';
import { highest, isStart, type LastEvent, type Mark, type Seen } from './judge.ts';
import type { Reading } from './reading.ts';

/** The reason why a record and the handled events cannot both come from an honest source. */
export type Contradiction =
  /** The source cannot have reached this position: `limit` is the highest possible one. */
  | {
      readonly kind: 'jump';
      readonly what: 'tick' | 'epoch';
      readonly limit: bigint;
      readonly top: Position | undefined;
    }
  /** The record and the event at the watermark exclude each other. */
  | { readonly kind: 'fork'; readonly why: ForkReason; readonly at: Position; readonly last: LastEvent };

/**
 * `same_position`: two events at one position · `same_predecessor`: the event at the watermark named a predecessor that lies
 * before this record · `made_later`: this record was created after everything that was handled · `passed_over`: this record
 * is above the watermark, and the predecessor that it names lies below it
 */
export type ForkReason = 'same_position' | 'same_predecessor' | 'made_later' | 'passed_over';

/** Ten times the ticks that a relay can create in a second: one poll per millisecond. */
const TICKS_PER_SECOND = 10_000n;
/** The largest difference between the clocks of a source and a consumer: brokers refuse records further ahead by default. */
const SKEW_MS = 3_600_000;
/** The earliest time of a tick: ticks count from zero, and no source is older than the kit. */
const FIRST_TICK_MS = Date.UTC(2025, 0);
/** The maximum of epochs that a record may skip: a new one begins only with an operator's rebase. */
export const MOST_NEW_EPOCHS = 64;
export const MOST_EPOCHS = 256;

/**
 * Compares a record that would move the watermark with the positions that its source can have reached. Honest ticks
 * rise by one per poll that finds something, so they are bounded by the time since the newest handled event, whose tick
 * is not older than it. Neither end of that time comes from the record. The function is pure.
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
 * Compares a record with the event at the watermark of its epoch. A repeat is a copy of a handled event, so it has a
 * position that an event can have, and was created no later than the newest of them. A later event has that one as its
 * predecessor, or one after it. `nowMs` is the time of this consumer's database. Pure.
 */
export function forkOf(
  { position, prev }: Mark,
  { content }: Reading,
  seen: Seen,
  nowMs: number,
): Contradiction | undefined {
  const at = seen.get(position.epoch);
  if (at?.last === undefined || content.kind === 'marker') return undefined;
  const { last } = at;
  const fork = (why: ForkReason): Contradiction => ({ kind: 'fork', why, at, last });
  const envelope = content.kind === 'envelope' ? content.envelope : undefined;
  if (comparePositions(position, at) > 0) return passesOver(prev, at) ? fork('passed_over') : undefined;
  if (comparePositions(position, at) === 0) {
    const other = envelope !== undefined && last.id !== undefined && envelope.id !== last.id;
    return other ? fork('same_position') : undefined;
  }
  if (last.prev !== undefined && comparePositions(position, last.prev) > 0) return fork('same_predecessor');
  const made = madeMs(envelope) ?? 0;
  // A record from beyond the skew is no evidence: either its time is wrong or the clock of this consumer's database, which then bounded
  // `newestMs` too low. A fork is below the watermark, so nothing is handled.
  const dated = made <= nowMs + SKEW_MS;
  return dated && made > Math.max(last.newestMs, last.unknownUntilMs) ? fork('made_later') : undefined;
}

/**
 * True for a predecessor below the watermark: its source does not know the event there, since its database went back
 * together with the log, or another writer sent that event. A topic that its source forgot begins again at START, and the
 * first event of an epoch names the epoch before.
 */
function passesOver(prev: Position | undefined, at: Position): boolean {
  return prev?.epoch === at.epoch && !isStart(prev) && comparePositions(prev, at) < 0;
}

/** The event at the watermark after this record. */
export function lastEventOf({ record, content, claim }: Reading, seen: Seen, nowMs: number): LastEvent {
  const envelope = content.kind === 'envelope' ? content.envelope : undefined;
  const top = highest(seen);
  const before = top === undefined ? undefined : seen.get(top.epoch)?.last;
  // A clock further ahead would hide what is created until then.
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
