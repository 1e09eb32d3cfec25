import type { Executor } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import type { GiveUp } from '../define/subscription.ts';
import { placeAll, type Placed } from './placement.ts';
import { envelopeOf, type Step } from '../plan/plan.ts';
import { knownParked } from './parked-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Partition } from '../slice/partition.ts';
import { attemptOf } from '../attempt/attempt.ts';
import { triedStep } from '../attempt/attempt-rows.ts';
import { type DeadLetter, parkedId } from '../attempt/dead-letter.ts';
import { isOutage } from '../slice/fault.ts';
import { knownKey } from '../slice/record-text.ts';

/**
 * Decides the placement of each step of a slice. A record that has a row already is a duplicate: a rewind delivered it again,
 * and it has no position to detect that. One extra look-up, only in slices that park something.
 */
export async function placeSteps<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  steps: readonly Step<DB>[],
  giveUps: ReadonlyMap<Step<DB>, GiveUp>,
  executor: Executor,
): Promise<readonly Placed<DB>[]> {
  const { onDead } = context.definition;
  const idOf = (step: Step<DB>): string => parkedIdOf(partition, step);
  const by = {
    held: partition.standing.held,
    onDead,
    giveUpOf: (step: Step<DB>) => giveUps.get(step) ?? refused(context, step),
    lineOf: (step: Step<DB>) => knownKey(step.record, envelopeOf(step)) ?? idOf(step),
  };
  const placed = placeAll(steps, by);
  const rows = placed.filter(needsRow);
  if (rows.length === 0) return placed;
  const known = await knownParked(
    executor,
    rows.map(({ step }) => idOf(step)),
  );
  if (known.size === 0) return placed;
  const again = new Set(rows.filter(({ step }) => known.has(idOf(step))).map(({ step }) => step));
  return placeAll(
    steps.map((step): Step<DB> => {
      const { record, mark } = step;
      return again.has(step) ? { record, mark, kind: 'skip', why: 'duplicate' } : step;
    }),
    by,
  );
}

export function needsRow<DB>({ kind }: Placed<DB>): boolean {
  return kind === 'parkBehind' || kind === 'parkFirst' || kind === 'release';
}

export function parkedIdOf<DB>({ key, standing }: Partition, { record }: Step<DB>): string {
  return parkedId(record, key.consumer, standing.topicId);
}

/** Gives up a record that cannot be parsed; if its refetch failed by an outage, the event waits instead. */
function refused<DB>({ clock }: SliceContext<DB>, step: Step<DB>): GiveUp | undefined {
  if (step.kind !== 'refuse') return undefined;
  const failure = classify(step.error);
  const as = isOutage(failure) ? 'park' : 'dead';
  const end = { number: 1, startedMs: clock.now(), durationMs: 0 };
  const decision = step.closed === undefined ? undefined : { kind: 'closed' as const, because: step.closed };
  const attempts = [attemptOf(failure, { ...end, next: { kind: as } })];
  return { as, failure, attempts, ...(decision && { decision }) };
}

export function deadLetterOf<DB>(
  partition: Partition,
  step: Step<DB>,
  { failure, attempts }: GiveUp,
): DeadLetter {
  const saga = step.kind === 'handle' ? step.subscription.memberOf?.(step.event) : undefined;
  return {
    ...triedStep(partition, step),
    id: parkedIdOf(partition, step),
    failure,
    foreign: step.kind !== 'skip' && step.foreign,
    saga,
    attempts,
  };
}
