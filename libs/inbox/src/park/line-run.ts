import { nextLimit, type SliceBounds } from '../slice/slice-parts.ts';
import type { Drained, Run } from './apply-head.ts';

/** How many events of a line its drain applies in one transaction. */
export interface Pace {
  readonly limit: number;
  /** The events that are applied one by one, since a transaction of them failed. */
  readonly alone: number;
}

/** The first event of a line is the one that failed. */
export const firstPace: Pace = { limit: 1, alone: 0 };

/** Computes the pace after a commit (pure). */
export function paceAfter(pace: Pace, events: number, tookMs: number, bounds: SliceBounds): Pace {
  if (pace.alone > events) return { limit: 1, alone: pace.alone - events };
  return { limit: nextLimit(pace.limit, tookMs, bounds), alone: 0 };
}

/** The pace after a transaction of several events that failed: any one of them may be at fault. */
export function isolated(events: number): Pace {
  return { limit: 1, alone: events };
}

/**
 * Takes the first events of a line that one transaction applies (pure): those that waited behind another one. One that has
 * failed, or cannot be handled as it is, is tried by itself.
 */
export function runOf<DB>(line: Run<DB>): Run<DB> {
  const [first, ...others] = line;
  if (!isPlain(first)) return [first];
  const { run, record } = first.head;
  const end = others.findIndex(
    (one) => !isPlain(one) || one.head.run !== run || one.head.record.partition !== record.partition,
  );
  return [first, ...(end < 0 ? others : others.slice(0, end))];
}

function isPlain<DB>({ head, step }: Drained<DB>): boolean {
  if (head.attempts.length > 0 || head.bytes === 'gone') return false;
  switch (step.kind) {
    case 'handle':
      return step.subscription.bypassParked !== true;
    case 'skip':
      return step.why !== 'unknown_type';
    case 'refuse':
      return false;
  }
}
