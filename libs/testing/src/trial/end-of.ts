import type { SagaDeclaration, StepDeclaration } from '@convergekit/saga/declare';
import type { FenceRow } from './trial-sql.ts';
import type { Evidence, RunEnd } from './types.ts';

/** The states of a step without an effect, or without one any more. */
const WITHOUT_EFFECT = new Set(['rejected', 'failed_not_applied', 'tombstoned', 'undone']);

/** Pure: the end of a run by the fences of its steps; a text that says why it has none. */
export function endOf(
  declaration: SagaDeclaration,
  fences: readonly FenceRow[],
): RunEnd['ended'] | { readonly violation: string } {
  const steps = stepsOf(declaration);
  const stateOf = new Map(fences.map(({ step, state }) => [step, state]));
  if (steps.every(({ name }) => stateOf.get(name) === 'applied')) return 'completed';
  if (fences.length > 0 && fences.every(({ state }) => WITHOUT_EFFECT.has(state))) return 'compensated';
  const states = steps.map(({ name }) => `${name} ${stateOf.get(name) ?? 'not begun'}`).join(', ');
  return { violation: `the saga neither completed nor was compensated: ${states}` };
}

/** Pure: each fact of a run is emitted under one id, however often it is delivered. */
export function repeatedFacts(declaration: SagaDeclaration, emitted: readonly Evidence[]): readonly string[] {
  const types = stepsOf(declaration).flatMap(({ success, failure, undone }) =>
    [success, failure, undone].flatMap((event) => (event === undefined ? [] : [event.type])),
  );
  return [...new Set(types)].flatMap((type) => {
    const ids = new Set(emitted.filter((one) => one.type === type).map(({ id }) => id));
    return ids.size > 1 ? [`${type} was emitted as ${ids.size} facts`] : [];
  });
}

function stepsOf({ stages }: SagaDeclaration): readonly StepDeclaration[] {
  return stages.flatMap(({ steps }) => steps);
}
