import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import type { EventDefinition } from './event-definition.ts';
import { failedStep, failureTopic } from './failure-event.ts';

export const STEP_UNDONE_TYPE = 'converge.step_undone';

const stepUndoneData = z.object({
  saga: failedStep.extend({ op: z.literal('compensate') }),
  /** The key of the event that requested the undo. */
  key: z.string().min(1),
  /** `none`: the step had no effect. `undone`: it was undone. `stays`: an operator accepted that the effect stays. */
  effect: z.enum(['none', 'undone', 'stays']),
  reason: z.string(),
});

export type StepUndoneData = z.output<typeof stepUndoneData>;

/**
 * Defines the event by which a consumer forwards an undo to the step before.
 * It is used where the step declares no undone event, where it had no effect, and where an operator accepted that the effect
 * stays. It triggers the same as the declared undone event.
 */
export function stepUndoneEvent(
  consumer: string,
): EventDefinition<typeof STEP_UNDONE_TYPE, StepUndoneData, StepUndoneData> {
  return defineEvent({
    type: STEP_UNDONE_TYPE,
    version: 1,
    topic: failureTopic(consumer),
    key: (data) => data.key,
    data: stepUndoneData,
  });
}
