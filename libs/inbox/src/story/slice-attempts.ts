import type { Step } from '../decide/plan.ts';
import type { AttemptRow } from '../query/attempt.ts';
import type { Partition } from '../slice/context.ts';
import type { DeadLetter } from '../slice/letter.ts';
import type { Attempt } from './attempt.ts';
import { attemptRows, phaseOf, type Succeeded } from './attempt-rows.ts';

/**
 * Attempts of the events that a slice applies: of one that failed before, and of compensations, which always have a
 * row that points at the attempt that caused them. None for a first attempt that succeeds.
 */
export function appliedRows<DB>(
  { key: { consumer }, topicId }: Partition,
  handled: readonly Step<DB>[],
  failed: readonly Attempt[],
  succeeded: Succeeded,
): readonly AttemptRow[] {
  return handled.flatMap((step) => {
    if (step.kind !== 'handle') return [];
    const { record, event: envelope, subscription } = step;
    const phase = phaseOf(subscription);
    if (failed.length === 0 && phase === 'apply') return [];
    const { handler } = subscription;
    return attemptRows({ consumer, topicId, record, envelope, handler, phase, run: 0 }, failed, succeeded);
  });
}

/** Attempts of an event that nothing settles, since its consumer stops. */
export function stoppedRows<DB>(
  { key: { consumer }, topicId }: Partition,
  steps: readonly Step<DB>[],
  failed: readonly Attempt[],
): readonly AttemptRow[] {
  const step = steps.find(({ kind }) => kind === 'handle');
  if (step?.kind !== 'handle') return [];
  const { record, event: envelope, subscription } = step;
  const { handler } = subscription;
  return attemptRows(
    { consumer, topicId, record, envelope, handler, phase: phaseOf(subscription), run: 0 },
    failed,
  );
}

/** Attempts of events that were given up, or wait. */
export function deadLetterAttempts(letters: readonly DeadLetter[]): readonly AttemptRow[] {
  return letters.flatMap((letter) => attemptRows(letter, letter.attempts));
}
