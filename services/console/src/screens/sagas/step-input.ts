import { type SeenStep, waitingStep } from '@convergekit/saga/operate';
import type { Databases } from '../../databases.ts';
import { refusing } from '../refusing.ts';
import { z } from 'zod';

/** The step that an action is about. */
export const stepFields = {
  instance: z.string(),
  database: z.string(),
  step: z.string(),
  /** What the operator saw of the step, as JSON: a later change prevents the action. */
  seen: z.string().max(20_000).optional(),
};

export interface StepInput {
  readonly instance: string;
  readonly database: string;
  readonly step: string;
}

const seenSchema = z.object({
  state: z.string(),
  seq: z.number(),
  work: z.array(
    z.object({ id: z.string(), op: z.string(), state: z.string(), stuckReason: z.string().nullable() }),
  ),
});

/** Reads how a step stands now. Refuses a step that nothing is known of. */
export async function stepNow(
  databases: Databases,
  { database, instance, step }: StepInput,
): Promise<SeenStep> {
  return refusing(() => waitingStep(databases.get(database).database, { instance, step }));
}

/** Parses what the operator saw; undefined from the API, where the present state is acted on. */
export function seenOf(text: string | undefined): { readonly seen?: SeenStep } {
  if (text === undefined) return {};
  // The words are compared with those of the row only, so that others fit nothing.
  return { seen: seenSchema.parse(JSON.parse(text)) as SeenStep };
}

/** Waits in the words of the form. */
export function waitsFor(step: string, { state, work: [first] }: SeenStep): string {
  if (first === undefined) return `${step} is ${state.replaceAll('_', ' ')}`;
  const why = first.stuckReason === null ? '' : ` (${first.stuckReason.replaceAll('_', ' ')})`;
  return `the ${first.op === 'compensate' ? 'undo' : first.op === 'apply' ? 'call' : 'outcome'} of ${step} is ${first.state}${why}`;
}

/** True when an operator can act on the step. */
export function isOpen({ state, work }: SeenStep): boolean {
  return state === 'stuck' || work.length > 0;
}
