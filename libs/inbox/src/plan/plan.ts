import { type Envelope, type Position, START } from '@convergekit/contracts/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';
import type { Start } from '../define/types.ts';
import { type Action, actionFor, rejectedRecord, type SkipReason, type Trusting } from './act.ts';
import { type Contradiction, forkOf, jumpOf, lastEventOf } from './evidence.ts';
import { isStart, judge, type Mark, type Seen, type Watermark, watermarkOf } from './judge.ts';
import type { Claim, Reading } from './reading.ts';

/** The plan for one record. Every step moves the partition forward; an obstacle does not. */
export type Step<DB> = {
  readonly record: IncomingRecord;
  /** Moves the watermark when the step is committed. */
  readonly mark: Mark | undefined;
  /** Set when the event passes a gap: the missing range before it. */
  readonly passed?: { readonly after: Position; readonly upTo: Position };
  /** Set when the event comes from `consumers fill`, not the log; `gap` when its gap was passed. */
  readonly fill?: {
    readonly source: string;
    readonly position: Position;
    readonly gap?: string | undefined;
  };
} & Action<DB>;

/** The reason why a partition cannot pass a record. */
export type Obstacle = {
  readonly record: IncomingRecord;
} & (
  | { readonly kind: 'gap'; readonly claim: Claim; readonly after: Position | undefined }
  | {
      readonly kind: 'superseded';
      readonly claim: Claim;
      readonly epoch: number;
      readonly began: bigint | undefined;
    }
  /** The position is impossible, or contradicts the handled events: a record is forged. */
  | (Contradiction & { readonly claim: Claim })
  /** A newer version of this consumer handles the type. */
  | { readonly kind: 'type_ahead'; readonly type: string }
  /** The consumer does not count the positions of this source: handled as a foreign event, it would have no gaps. */
  | { readonly kind: 'unknown_source'; readonly claim: Claim }
);

export interface Plan<DB> {
  readonly steps: readonly Step<DB>[];
  /** The first record that cannot be passed: nothing after it is in `steps`. */
  readonly obstacle: Obstacle | undefined;
}

export interface PlanContext<DB> extends Trusting<DB> {
  readonly from: Start;
  /** The watermarks in this partition by source uuid. */
  readonly watermarks: ReadonlyMap<string, Seen>;
  /** The sources whose positions count, uuid → name. */
  readonly pinned: ReadonlyMap<string, string>;
  readonly nowMs: number;
  /** Offsets of records that an operator rejected as forged. */
  readonly rejected: ReadonlySet<bigint>;
  /** Obstacles up to this offset are passed. */
  readonly passOffset: bigint | undefined;
  /** Types that a newer version of this consumer handles: their events must not be skipped. */
  readonly ahead: ReadonlySet<string>;
}

/** Plans a whole slice before anything is done. Pure: the same readings and watermarks give the same plan. */
export function planSlice<DB>(readings: readonly Reading[], context: PlanContext<DB>): Plan<DB> {
  // Copies of the watermarks that this slice moves, one per source; the arguments are never changed.
  const moved: Moved = new Map();
  const steps: Step<DB>[] = [];
  for (const [at, reading] of readings.entries()) {
    const { record, claim } = reading;
    if (context.rejected.has(record.offset)) {
      steps.push({ record, mark: undefined, ...rejectedRecord(reading) });
      continue;
    }
    if (claim === undefined || !context.pinned.has(claim.source)) {
      if (claim !== undefined && reading.content.kind !== 'unreadable' && !passes(record, context))
        return { steps, obstacle: { record, kind: 'unknown_source', claim } };
      const action = actionFor(reading, context, undefined);
      if (isAhead(action, context)) return { steps, obstacle: aheadOf(record, action) };
      steps.push({ record, mark: undefined, ...action });
      continue;
    }
    const seen = moved.get(claim.source) ?? context.watermarks.get(claim.source) ?? NOTHING;
    const taken = take(reading, claim, seen, context, beginsLater(readings, at, claim.source));
    if (taken.kind === 'obstacle') return { steps, obstacle: taken.obstacle };
    const { step } = taken;
    if (step.mark !== undefined)
      copyOf(moved, claim.source, seen).set(claim.position.epoch, watermarkOf(step.mark));
    steps.push(step);
  }
  return { steps, obstacle: undefined };
}

type Taken<DB> =
  | { readonly kind: 'step'; readonly step: Step<DB> }
  | { readonly kind: 'obstacle'; readonly obstacle: Obstacle };

/** Plans one event whose position counts; `stale`: it is a repeat before its source's first event. */
function take<DB>(
  reading: Reading,
  claim: Claim,
  seen: Seen,
  context: PlanContext<DB>,
  stale: () => boolean,
): Taken<DB> {
  const { record } = reading;
  const verdict = judge(claim, seen, context.from);
  const skip = (why: SkipReason): Taken<DB> => ({
    kind: 'step',
    step: { record, mark: undefined, kind: 'skip', why },
  });
  const obstacle = (found: Obstacle): Taken<DB> => ({ kind: 'obstacle', obstacle: found });
  const passed = passes(record, context);
  const jump = verdict.kind === 'duplicate' ? undefined : jumpOf(claim, seen, context.nowMs);
  const fork = verdict.kind === 'superseded' ? undefined : forkOf(claim, reading, seen, context.nowMs);
  const doubt = jump ?? fork;
  if (doubt !== undefined && !passed) return obstacle({ record, claim, ...doubt });
  switch (verdict.kind) {
    case 'duplicate':
      return skip('duplicate');
    case 'superseded': {
      const began = seen.get(verdict.epoch)?.last?.offset;
      return passed ? skip('superseded') : obstacle({ record, claim, ...verdict, began });
    }
    case 'gap':
      if (verdict.after === undefined && stale()) return skip('stale');
      if (!passed) return obstacle({ record, claim, ...verdict });
      break;
    case 'next':
  }
  const action = actionFor(reading, context, claim.source);
  if (isAhead(action, context)) return obstacle(aheadOf(record, action));
  const mark = { ...claim, last: lastEventOf(reading, seen, context.nowMs) };
  if (verdict.kind === 'next') return { kind: 'step', step: { record, mark, ...action } };
  const range = { after: verdict.after ?? START, upTo: gapEnd(claim) };
  return { kind: 'step', step: { record, mark, passed: range, ...action } };
}

/** True up to the record that an operator decided to pass. */
function passes<DB>({ offset }: IncomingRecord, { passOffset }: PlanContext<DB>): boolean {
  return passOffset !== undefined && offset <= passOffset;
}

/** The envelope of a step's event; undefined for skipped and unreadable records. */
export function envelopeOf<DB>(step: Step<DB>): Envelope | undefined {
  switch (step.kind) {
    case 'handle':
      return step.event;
    case 'refuse':
      return step.envelope;
    case 'skip':
      return undefined;
  }
}

function isAhead<DB>({ unknown }: Action<DB>, { ahead }: PlanContext<DB>): boolean {
  return unknown !== undefined && ahead.has(unknown);
}

function aheadOf<DB>(record: IncomingRecord, { unknown = '' }: Action<DB>): Obstacle {
  return { record, kind: 'type_ahead', type: unknown };
}

/** The end of a gap. Before an event without a predecessor, anything below it may be missing. */
export function gapEnd({ position: { epoch, tick, id }, prev }: Mark): Position {
  return prev ?? { epoch, tick, id: id > 0n ? id - 1n : id };
}

const NOTHING: Seen = new Map();

type Moved = Map<string, Map<number, Watermark>>;

function copyOf(moved: Moved, source: string, seen: Seen): Map<number, Watermark> {
  const known = moved.get(source);
  if (known !== undefined) return known;
  const copy = new Map(seen);
  moved.set(source, copy);
  return copy;
}

/**
 * True when a source's first event follows. A stale repeat of a later event may precede it (the log was truncated there). The
 * first event names START, and after it every predecessor is proved, so a repeat that is skipped here comes again.
 */
function beginsLater(readings: readonly Reading[], at: number, source: string): () => boolean {
  return () => readings.slice(at + 1).some(({ claim }) => claim?.source === source && isStart(claim.prev));
}
