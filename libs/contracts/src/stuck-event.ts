import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import type { EventDefinition } from './event-definition.ts';
import { failedStep, failureTopic } from './failure-event.ts';

export const STUCK_TYPE = 'converge.stuck';

const of = {
  /** The step, and whether its effect waits or its undo. */
  saga: failedStep.extend({ op: z.enum(['apply', 'compensate']) }),
  /** Of the event that reached the step first. */
  key: z.string().min(1),
  /** Its place among all that happened to the step: what has a higher one is later, in whichever order they are read. */
  seq: z.int().positive(),
};

const stuckData = z.discriminatedUnion('is', [
  z.object({ ...of, is: z.literal('stuck'), code: z.string(), reason: z.string() }),
  /** A person has it tried again. What comes of it the step tells by its own events. */
  z.object({ ...of, is: z.literal('released'), by: z.string(), reason: z.string() }),
]);

export type StuckData = z.output<typeof stuckData>;

/** The event by which a consumer says that a step of a saga waits for a person, or does so no longer. It triggers nothing. */
export function stuckEvent(consumer: string): EventDefinition<typeof STUCK_TYPE, StuckData, StuckData> {
  return defineEvent({
    type: STUCK_TYPE,
    version: 1,
    topic: failureTopic(consumer),
    key: (data) => data.key,
    data: stuckData,
  });
}
