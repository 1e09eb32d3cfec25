import { envelopeOf, type Step } from '../plan/plan.ts';
import type { Standing } from './partition.ts';
import type { SliceBounds } from './slice-parts.ts';
import { knownKey } from './record-text.ts';

/** Slices wait for those in work for as long as this many first statements of a slice take. */
const JOINT_OPENS = 8;
/** The bounds of that time, in milliseconds. */
const JOINT_MS = { least: 25, most: 250 } as const;
/** The most events to handle in a joint slice. */
const MOST_EVENTS = 32;
/** A slice with more events to handle has a transaction of its own: it shares one among its events already. */
const MOST_OWN = 8;
/** A handler that takes longer than this many first statements of a slice shares no transaction. */
const SLOW = 4;

/** The number of calls over which an average forgets, and of slices. */
const LAST = 16;

/** The averages of a consumer's last slices: their ratio shows how much of a slice its handlers are. */
export class HandlerPace {
  /** The time of a call of a handler. */
  callMs = 0;
  /** The time of a slice's first statement. */
  openMs = 0;

  opened(ms: number): void {
    this.openMs += (ms - this.openMs) / LAST;
  }

  /** Counts calls that took `ms` milliseconds together. */
  called(calls: number, ms: number): void {
    if (calls > 0) this.callMs += Math.min(1, calls / LAST) * (ms / calls - this.callMs);
  }
}

/** The average times of a consumer's slices, in milliseconds. */
type Pace = Readonly<Pick<HandlerPace, 'callMs' | 'openMs'>>;

/** The time of a call in first statements. */
function ratioOf({ callMs, openMs }: Pace): number {
  return callMs === 0 ? 0 : callMs / openMs;
}

/** Returns how long slices wait for those in work: about what a slice takes, so that a busy machine has fewer. Pure. */
export function jointWaitMs({ openMs }: Pick<Pace, 'openMs'>): number {
  return Math.min(JOINT_MS.most, Math.max(JOINT_MS.least, JOINT_OPENS * openMs));
}

/** The facts about a partition by which its slice may join others. */
export interface Joining {
  readonly standing: Pick<Standing, 'held'>;
  readonly pause: object | undefined;
  readonly limit: number;
}

/**
 * Decides whether a slice may share its transaction with slices of other partitions. It then only handles events and
 * skips others: what needs a row of the inbox besides the position goes alone. Pure.
 */
export function mayJoin<DB>(
  { standing, pause, limit }: Joining,
  steps: readonly Step<DB>[],
  pace: Pace,
): boolean {
  // A paused partition probes, and one whose slices have one event isolates them.
  if (pause !== undefined || limit === 1 || ratioOf(pace) > SLOW) return false;
  const handled = handledIn(steps);
  return handled > 0 && handled <= MOST_OWN && steps.every((step) => isPlain(step, standing.held));
}

/** True for an event that is handled or skipped, and that writes no row of the inbox but the position. */
function isPlain<DB>(step: Step<DB>, held: ReadonlySet<string>): boolean {
  if (step.passed !== undefined || step.fill !== undefined) return false;
  switch (step.kind) {
    case 'skip':
      return true;
    case 'refuse':
      return false;
    case 'handle': {
      const key = knownKey(step.record, envelopeOf(step));
      return !step.foreign && key !== undefined && !held.has(key);
    }
  }
}

function handledIn(steps: readonly Pick<Step<never>, 'kind'>[]): number {
  let handled = 0;
  for (const { kind } of steps) if (kind === 'handle') handled += 1;
  return handled;
}

/**
 * Groups waiting slices into transactions, in their order. The handlers of each should take no longer than its first
 * statement `MOST_EVENTS` times, and it has at most `sliceSize` events to handle. Pure.
 */
export function groupsOf<Waiting extends { readonly steps: readonly Pick<Step<never>, 'kind'>[] }>(
  waiting: readonly Waiting[],
  pace: Pace,
  { sliceSize }: Pick<SliceBounds, 'sliceSize'>,
): readonly (readonly Waiting[])[] {
  const most = Math.min(sliceSize, Math.floor(MOST_EVENTS / Math.max(1, ratioOf(pace))));
  const groups: Waiting[][] = [];
  let events = 0;
  for (const one of waiting) {
    const more = handledIn(one.steps);
    const group = groups.at(-1);
    if (group === undefined || events + more > most) {
      groups.push([one]);
      events = more;
    } else {
      group.push(one);
      events += more;
    }
  }
  return groups;
}
