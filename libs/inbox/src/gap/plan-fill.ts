import { comparePositions, type Position } from '@convergekit/contracts/engine';
import type { Router } from '../define/routes.ts';
import type { Start } from '../define/types.ts';
import type { PassedGap } from './gap-sql.ts';
import { judge, type Seen } from '../plan/judge.ts';
import { act } from '../plan/act.ts';
import type { Step } from '../plan/plan.ts';
import type { Reading } from '../plan/reading.ts';

/** An event that is missing in the log, as stored by `consumers fill`. */
export interface FillReading {
  readonly source: string;
  readonly position: Position;
  readonly reading: Reading;
}

export interface FillPlan<DB> {
  readonly steps: readonly Step<DB>[];
  /** True when there is a gap within the filled events: the rest does not follow the handled ones. */
  readonly stuck: boolean;
}

/**
 * Plans filled events, in the order of their positions. They are the next events before the partition passes their gap,
 * and move the watermark like any other. They are late after that: handled all the same, but they move how far the gap
 * is filled. The function is pure.
 */
export function planFill<DB>(
  fills: readonly FillReading[],
  context: {
    readonly from: Start;
    readonly watermarks: ReadonlyMap<string, Seen>;
    readonly gaps: readonly PassedGap[];
    readonly route: Router<DB>;
  },
): FillPlan<DB> {
  const watermarks = new Map(context.watermarks);
  const steps: Step<DB>[] = [];
  for (const { source, position, reading } of fills) {
    const { record } = reading;
    const fill = { source, position };
    const gap = context.gaps.find((one) => one.source === source && holds(one, position));
    if (gap !== undefined) {
      const action = act(reading, context.route, false);
      steps.push({ record, mark: undefined, fill: { ...fill, gap: gap.gap }, ...action });
      continue;
    }
    const mark = { source, position, prev: reading.claim?.prev };
    const seen = watermarks.get(source) ?? new Map<number, Position>();
    const { kind } = judge(mark, seen, context.from);
    switch (kind) {
      case 'next':
        watermarks.set(source, new Map(seen).set(position.epoch, position));
        steps.push({ record, mark, fill, ...act(reading, context.route, false) });
        break;
      case 'duplicate':
        steps.push({ record, mark: undefined, fill, kind: 'skip', why: 'duplicate' });
        break;
      case 'gap':
      case 'superseded':
        return { steps, stuck: true };
    }
  }
  return { steps, stuck: false };
}

function holds({ after, upTo }: PassedGap, position: Position): boolean {
  return comparePositions(after, position) < 0 && comparePositions(position, upTo) <= 0;
}
