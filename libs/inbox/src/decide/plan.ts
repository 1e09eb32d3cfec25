import { type Envelope, type Position, type ReceivedEvent, START } from '@converge/contracts';
import type { IncomingRecord } from '@converge/kafka';
import type { Route, Router } from '../define/routes.ts';
import type { Subscription } from '../define/subscription.ts';
import type { Start } from '../define/types.ts';
import { InboxError } from '../errors.ts';
import { isStart, judge, type Mark, type Seen } from './judge.ts';
import type { Claim, Reading } from './reading.ts';

/** What is to be done with one record. Everything here moves the partition on; only a halt does not. */
export type Step<DB> = {
  readonly record: IncomingRecord;
  /** Moves the watermark when the step is settled. */
  readonly mark: Mark | undefined;
  /** Set when the event goes past a gap: what was missing before it. */
  readonly passed?: { readonly after: Position; readonly upTo: Position };
  /** Set when the event came from `consumers fill` and not from the log; `gap` when its gap was passed before. */
  readonly fill?: {
    readonly source: string;
    readonly position: Position;
    readonly gap?: string | undefined;
  };
} & Action<DB>;

export type Action<DB> =
  | {
      readonly kind: 'handle';
      readonly event: ReceivedEvent;
      readonly subscription: Subscription<DB>;
      /** No position of a pinned source: deduplicated by a row of its own. */
      readonly foreign: boolean;
      readonly unknown?: undefined;
    }
  /** Cannot be handled whatever is tried: a dead letter at once. */
  | {
      readonly kind: 'refuse';
      readonly envelope: Envelope | undefined;
      readonly foreign: boolean;
      readonly error: unknown;
      readonly unknown?: string;
    }
  /** `unknown`: the type that no handler here takes, as another version would have registered it. */
  | { readonly kind: 'skip'; readonly why: SkipReason; readonly unknown?: string };

export type SkipReason =
  'duplicate' | 'unknown_type' | 'ignored' | 'uncertain' | 'elsewhere' | 'stale' | 'marker' | 'superseded';

/** Why a partition cannot go on at a record. */
export type Obstacle = {
  readonly record: IncomingRecord;
} & (
  | { readonly kind: 'gap'; readonly claim: Claim; readonly after: Position | undefined }
  | { readonly kind: 'superseded'; readonly claim: Claim; readonly epoch: number }
  /** A newer version of this consumer handles the type. */
  | { readonly kind: 'type_ahead'; readonly type: string }
);

export interface Plan<DB> {
  readonly steps: readonly Step<DB>[];
  /** The first record that cannot be passed: nothing after it is in `steps`. */
  readonly obstacle: Obstacle | undefined;
}

export interface PlanContext<DB> {
  readonly from: Start;
  /** Source uuid → what is known of it in this partition. */
  readonly watermarks: ReadonlyMap<string, Seen>;
  /** The pinned uuid of a source's name. */
  readonly pinned: ReadonlyMap<string, string>;
  /** Obstacles up to this offset are passed. */
  readonly passOffset: bigint | undefined;
  /** Types that a newer version of this consumer handles: none of their events is passed. */
  readonly ahead: ReadonlySet<string>;
  readonly route: Router<DB>;
}

/** Decides a whole slice before anything is done. Pure: the same readings and watermarks give the same plan. */
export function planSlice<DB>(readings: readonly Reading[], context: PlanContext<DB>): Plan<DB> {
  // Copies of the maps that a slice moves, made at its first event of a source; what was given is never changed.
  const moved = new Map<string, Map<number, Position>>();
  const steps: Step<DB>[] = [];
  for (const [at, reading] of readings.entries()) {
    const { record, claim } = reading;
    if (claim === undefined || context.pinned.get(claim.sourceName) !== claim.source) {
      const action = act(reading, context.route, true);
      if (isAhead(action, context)) return { steps, obstacle: aheadOf(record, action) };
      steps.push({ record, mark: undefined, ...action });
      continue;
    }
    const seen = moved.get(claim.source) ?? context.watermarks.get(claim.source) ?? NOTHING;
    const verdict = judge(claim, seen, context.from);
    switch (verdict.kind) {
      case 'next': {
        const action = act(reading, context.route, false);
        if (isAhead(action, context)) return { steps, obstacle: aheadOf(record, action) };
        own(moved, claim.source, seen).set(claim.position.epoch, claim.position);
        steps.push({ record, mark: claim, ...action });
        break;
      }
      case 'duplicate':
        steps.push({ record, mark: undefined, kind: 'skip', why: 'duplicate' });
        break;
      case 'gap': {
        if (verdict.after === undefined && beginsLater(readings, at, claim.source)) {
          steps.push({ record, mark: undefined, kind: 'skip', why: 'stale' });
          break;
        }
        if (!mayPass(record, context)) return { steps, obstacle: { record, claim, ...verdict } };
        const action = act(reading, context.route, false);
        if (isAhead(action, context)) return { steps, obstacle: aheadOf(record, action) };
        own(moved, claim.source, seen).set(claim.position.epoch, claim.position);
        steps.push({
          record,
          mark: claim,
          passed: { after: verdict.after ?? START, upTo: gapEnd(claim) },
          ...action,
        });
        break;
      }
      case 'superseded':
        if (mayPass(record, context)) {
          steps.push({ record, mark: undefined, kind: 'skip', why: 'superseded' });
          break;
        }
        return { steps, obstacle: { record, claim, ...verdict } };
    }
  }
  return { steps, obstacle: undefined };
}

function isAhead<DB>({ unknown }: Action<DB>, { ahead }: PlanContext<DB>): boolean {
  return unknown !== undefined && ahead.has(unknown);
}

function aheadOf<DB>(record: IncomingRecord, { unknown = '' }: Action<DB>): Obstacle {
  return { record, kind: 'type_ahead', type: unknown };
}

function typeUnknown(type: string): InboxError {
  return new InboxError(
    'TYPE_UNKNOWN',
    `no handler takes ${type}, and this consumer refuses what it does not know: handle it, or .ignore() it`,
    { category: 'data' },
  );
}

function mayPass(
  { offset }: IncomingRecord,
  { passOffset }: Pick<PlanContext<never>, 'passOffset'>,
): boolean {
  return passOffset !== undefined && offset <= passOffset;
}

/** The end of a gap. Before an event that names no predecessor, anything below it may be missing. */
export function gapEnd({ position: { epoch, tick, id }, prev }: Mark): Position {
  return prev ?? { epoch, tick, id: id > 0n ? id - 1n : id };
}

const NOTHING: Seen = new Map();

function own(moved: Map<string, Map<number, Position>>, source: string, seen: Seen): Map<number, Position> {
  const known = moved.get(source);
  if (known !== undefined) return known;
  const copy = new Map(seen);
  moved.set(source, copy);
  return copy;
}

/**
 * At first sight a stale repeat of a later event may stand before the first one (the log was cut in front of them). The
 * first event follows and names START; after it every predecessor is proved, so what is passed here comes again.
 */
function beginsLater(readings: readonly Reading[], at: number, source: string): boolean {
  return readings.slice(at + 1).some(({ claim }) => claim?.source === source && isStart(claim.prev));
}

/** What one record asks for, whatever its position. */
export function act<DB>({ content }: Reading, route: Router<DB>, foreign: boolean): Action<DB> {
  if (content.kind === 'marker') return { kind: 'skip', why: 'marker' };
  if (content.kind === 'unreadable')
    return { kind: 'refuse', envelope: undefined, foreign, error: content.error };
  const { envelope } = content;
  let routed: Route<DB>;
  try {
    routed = route(envelope);
  } catch (error) {
    return { kind: 'refuse', envelope, foreign, error };
  }
  switch (routed.kind) {
    case 'handle':
      return { kind: 'handle', event: routed.event, subscription: routed.subscription, foreign };
    case 'skip':
      return { kind: 'skip', why: routed.why };
    case 'unknown':
      if (!routed.refused) return { kind: 'skip', why: 'unknown_type', unknown: routed.type };
      return { kind: 'refuse', envelope, foreign, error: typeUnknown(routed.type), unknown: routed.type };
  }
}
