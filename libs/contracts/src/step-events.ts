import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import type { EventDefinition } from './event-definition.ts';
import { failedStep, failureTopic } from './failure-event.ts';
import { KIT_TYPES } from './wire.ts';

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
): EventDefinition<typeof KIT_TYPES.stepUndone, StepUndoneData, StepUndoneData> {
  return defineEvent(KIT_TYPES.stepUndone, {
    version: 1,
    topic: failureTopic(consumer),
    key: (data) => data.key,
    data: stepUndoneData,
  });
}

const of = {
  /** The step, and the operation of the step that is stuck. */
  saga: failedStep.extend({ op: z.enum(['apply', 'compensate']) }),
  /** The key of the first event that reached the step. */
  key: z.string().min(1),
  /** The sequence number among all events of the step. A higher number is later, in any read order. */
  seq: z.int().positive(),
};

const stuckData = z.discriminatedUnion('is', [
  z.object({ ...of, is: z.literal('stuck'), code: z.string(), reason: z.string() }),
  /** An operator had the step tried again. The step reports the outcome by its own events. */
  z.object({ ...of, is: z.literal('released'), by: z.string(), reason: z.string() }),
]);

export type StuckData = z.output<typeof stuckData>;

/**
 * Defines the event that reports that a saga step waits for an operator, or no longer waits. The event triggers
 * nothing.
 */
export function stuckEvent(consumer: string): EventDefinition<typeof KIT_TYPES.stuck, StuckData, StuckData> {
  return defineEvent(KIT_TYPES.stuck, {
    version: 1,
    topic: failureTopic(consumer),
    key: (data) => data.key,
    data: stuckData,
  });
}
