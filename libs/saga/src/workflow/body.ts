import { classify } from '@convergekit/resilience';
import { failpoint } from '@convergekit/core/engine';
import { stored } from '../calls/work/decide.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import type { CompensateTrigger } from './entry.ts';
import { Suspended } from './errors.ts';
import { rootOf } from './fold.ts';
import type { Turn } from './turn.ts';
import { beginUndo, reportEnd, unfold } from './unfold.ts';
import { type Body, JournaledUnit } from './unit.ts';

/** The end of a workflow; `cause` is the error of the body, where this process ran it. */
export type Ended =
  | { readonly kind: 'completed'; readonly result: string }
  | { readonly kind: 'compensated'; readonly failure: StoredFailure; readonly cause?: unknown };

/** Runs the body over the journal: to its end, or until everything is undone after an error. Rejects with Suspended. */
export async function runBody(turn: Turn): Promise<Ended> {
  const { journal, workflow } = turn;
  const body: Body = { turn, signal: new AbortController(), steps: 0 };
  const unit = new JournaledUnit(body, '');
  try {
    const result = await workflow.body(unit, journal.claim.input);
    const unawaited = await unit.close();
    if (body.over !== undefined) throw body.over;
    if (unawaited !== undefined) throw unawaited;
    if (body.steps < journal.fold.steps.length)
      throw new Suspended('code_changed', 'the body ended before it came to all that it had done before');
    failpoint('workflow.before_completed');
    await journal.write([{ kind: 'completed', path: '', result }], { kind: 'operator' });
    reportEnd(turn, 'completed');
    return { kind: 'completed', result };
  } catch (error) {
    // Whatever still runs must have ended before anything is undone.
    await unit.close();
    const why = body.over ?? error;
    const changed = why instanceof Suspended && why.why === 'code_changed';
    if (why instanceof Suspended && !changed) throw why;
    return undoAll(turn, changed ? 'code_changed' : 'failure', stored(classify(why)), error);
  }
}

/** Continues an interrupted workflow: undoes it, or runs its body again, as declared. Rejects with Suspended. */
export async function recover(turn: Turn): Promise<Ended> {
  const { journal, workflow } = turn;
  const { state, failure } = rootOf(journal.fold);
  if (state === 'compensating' && failure !== undefined) {
    await unfold(turn, '');
    return { kind: 'compensated', failure };
  }
  switch (workflow.recovery) {
    case 'resume':
      return runBody(turn);
    case 'undo':
      return undoAll(turn, 'interrupted', interrupted);
  }
}

async function undoAll(
  turn: Turn,
  trigger: CompensateTrigger,
  given: StoredFailure,
  cause?: unknown,
): Promise<Ended> {
  const failure: StoredFailure = { ...given, certainty: 'not_applied' };
  await beginUndo(turn, '', trigger, failure);
  await unfold(turn, '');
  return { kind: 'compensated', failure, cause };
}

const interrupted: StoredFailure = {
  category: 'service',
  certainty: 'not_applied',
  code: 'INTERRUPTED',
  message: 'its process stopped, or lost its lease, before it had ended',
};
