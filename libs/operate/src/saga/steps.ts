import { type SeenStep, waitingStep } from '@convergekit/saga/operate';
import { firstOf } from '../call/calls.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import type { Concerned } from '../host/rights.ts';
import { isRefusal } from '../registry/each.ts';
import type { Reads } from '../registry/reads.ts';

interface StepAt {
  readonly instance: string;
  readonly step: string;
}

/** Reads how a step stands now, and the database that runs it. Rejects with STEP_NOT_WAITING where it never began. */
export const requireStep = (
  reads: Pick<Reads, 'databases'>,
  { instance, step }: StepAt,
): Promise<{ readonly database: NamedDatabase; readonly now: SeenStep }> =>
  firstOf(
    reads,
    async (database) => ({ database, now: await waitingStep(database.database, { instance, step }) }),
    'STEP_NOT_WAITING',
  );

/** Returns what an act on a step concerns: any saga where the step is not known. */
export async function concernedOf(reads: Reads, at: StepAt): Promise<Concerned> {
  try {
    const { database, now } = await requireStep(reads, at);
    return { database: database.name, saga: now.of.saga };
  } catch (error) {
    if (isRefusal(error)) return { database: '*', saga: '*' };
    throw error;
  }
}

/** Says for what a step waits. */
export function waitsFor({ of, state, work: [first] }: SeenStep): string {
  if (first === undefined) return `${of.step} is ${state.replaceAll('_', ' ')}`;
  const why = first.stuckReason === null ? '' : ` (${first.stuckReason.replaceAll('_', ' ')})`;
  return `the ${first.op === 'compensate' ? 'undo' : first.op === 'apply' ? 'call' : 'outcome'} of ${of.step} is ${first.state}${why}`;
}

/** True when an operator can act on the step. */
export const isOpen = ({ state, work }: SeenStep): boolean => work.length > 0 || state === 'stuck';

/** True when its effect may be there already: its outcome is not known. */
export const isInDoubt = ({ state, work }: SeenStep): boolean =>
  state === 'stuck' || work.some((one) => one.state === 'stuck');
