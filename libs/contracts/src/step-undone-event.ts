import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import type { EventDefinition } from './event-definition.ts';
import { failedStep, failureTopic } from './failure-event.ts';

export const STEP_UNDONE_TYPE = 'converge.step_undone';

const stepUndoneData = z.object({
  saga: failedStep.extend({ op: z.literal('compensate') }),
  /** Of the event that asked for the undo. */
  key: z.string().min(1),
  /** `none`: it never had one. `stays`: an operator let go of it. */
  effect: z.enum(['none', 'stays']),
  reason: z.string(),
});

export type StepUndoneData = z.output<typeof stepUndoneData>;

/**
 * The event by which a consumer passes an undo on to the step before, where it has no undone event of its own to say: the step
 * has had no effect, or an operator let go of the effect. It triggers what the declared undone event triggers.
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
