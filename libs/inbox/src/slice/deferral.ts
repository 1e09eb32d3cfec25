import type { SkipReason } from '../plan/act.ts';
import type { Plan, Step } from '../plan/plan.ts';
import { lastMarks, type MovedMark } from '../plan/judge.ts';

/** The time until a deferred position is written, in milliseconds. */
export const DEFER_MS = 2_000;
/** The most events whose position is deferred. */
export const MOST_DEFERRED = 1_000;

/** Skipped events whose position is not in the database yet. */
export interface Deferral {
  /** The time of the first of them, in monotonic milliseconds. */
  readonly since: number;
  readonly duplicates: number;
  readonly skipped: number;
  /** The highest mark of each source and epoch. */
  readonly marks: readonly MovedMark[];
  /** Types without a handler: another version may have registered one since. */
  readonly unknown: ReadonlySet<string>;
}

/** Reasons by which every reader skips a record, as long as the registered types are the same. */
const REPEATABLE: ReadonlySet<SkipReason> = new Set([
  'duplicate',
  'unknown_type',
  'ignored',
  'uncertain',
  'elsewhere',
]);

/** Decides whether a slice needs no transaction (pure): a new owner would skip the same records again. */
export function canDefer<DB>(
  { steps, obstacle }: Plan<DB>,
  before: Deferral | undefined,
  now: number,
): boolean {
  if (obstacle !== undefined || steps.length === 0 || !steps.every(isRepeatable)) return false;
  const events = before === undefined ? 0 : before.duplicates + before.skipped;
  if (events + steps.length > MOST_DEFERRED) return false;
  return before === undefined || now - before.since < DEFER_MS;
}

function isRepeatable<DB>(step: Step<DB>): boolean {
  return (
    step.kind === 'skip' && REPEATABLE.has(step.why) && step.passed === undefined && step.fill === undefined
  );
}

/** Adds a slice to what is deferred. Pure. */
export function deferMore<DB>(
  before: Deferral | undefined,
  steps: readonly Step<DB>[],
  now: number,
): Deferral {
  const duplicates = steps.filter((step) => step.kind === 'skip' && step.why === 'duplicate').length;
  return {
    since: before?.since ?? now,
    duplicates: duplicates + (before?.duplicates ?? 0),
    skipped: steps.length - duplicates + (before?.skipped ?? 0),
    marks: lastMarks([...(before?.marks ?? []), ...steps.map(({ mark }) => mark)]),
    unknown: unknownOf(steps, before),
  };
}

/** The types without a handler among the events of a slice and those deferred before it. Pure. */
export function unknownOf<DB>(steps: readonly Step<DB>[], before: Deferral | undefined): ReadonlySet<string> {
  const unknown = new Set(before?.unknown);
  for (const step of steps) if (step.unknown !== undefined) unknown.add(step.unknown);
  return unknown;
}
