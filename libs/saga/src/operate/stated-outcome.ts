import { messageOf, shellWord } from '@convergekit/core/engine';
import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import { nearest } from '@convergekit/config/engine';
import { type SagaDeclaration, type StepDeclaration, stepsOf } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import { EFFECT_STAYS, type Outcome, statedFailure } from '../calls/work/work.ts';
import type { LockedStep } from './step-sql.ts';

/**
 * The outcome of a step, as an operator states it.
 * fact           the event that the step would have emitted; `key`: of an event whose key is not that of the step
 * failed         the step certainly had no effect · effect_stays: its undo is impossible, and the effect is accepted
 */
export type StatedOutcome =
  | {
      readonly kind: 'fact';
      readonly type: string;
      /** The version of the event's contract. @default the declared one */
      readonly version?: number;
      /** The payload, as JSON. */
      readonly payload: string;
      readonly key?: string;
    }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'effect_stays' };

export interface StatedOf {
  readonly row: Pick<LockedStep, 'of' | 'key'>;
  /** True when the statement is about the step's undo. */
  readonly undoes: boolean;
  readonly reason: string;
}

/** Returns the outcome that an operator states, checked by the declaration (pure). Throws STEP_OUTCOME_INVALID. */
export function checkStated(sagas: readonly SagaDeclaration[], word: StatedOutcome, said: StatedOf): Outcome {
  const { step: name } = said.row.of;
  if (word.kind === 'effect_stays') {
    if (!said.undoes) throw invalid(`${name} has no undo that waits: there is nothing to let go of`);
    return { kind: 'failed', failure: statedFailure(EFFECT_STAYS, said.reason, 'applied') };
  }
  const step = declaredStep(sagas, said);
  if (word.kind === 'fact') return { kind: 'succeeded', result: factOf(step, word, said) };
  if (said.undoes)
    throw invalid(
      `the undo of ${name} cannot fail: say by which event it was undone, or let go of the effect with --effect-stays`,
    );
  if (step.kind === 'retriable')
    throw invalid(
      `${name} is behind the pivot, where there is no way back, so it cannot have failed: do what it does by hand and give its event ${step.success.type}, or have it retried with \`converge saga retry\``,
    );
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,99}$/.test(word.code))
    throw invalid(
      `${JSON.stringify(word.code.slice(0, 80))} is no code of a failure: give a word such as NOT_FOUND`,
    );
  return { kind: 'failed', failure: statedFailure(word.code, said.reason) };
}

function declaredStep(sagas: readonly SagaDeclaration[], { row: { of } }: StatedOf): StepDeclaration {
  const declaration = sagas.find((one) => one.name === of.saga && one.version === of.version);
  const step = declaration && stepsOf(declaration).find(({ name }) => name === of.step);
  if (step !== undefined) return step;
  const given = sagas.map(({ name, version }) => `${name} v${version}`).join(', ');
  throw new SagaError(
    'SAGA_NOT_DECLARED',
    `step ${of.step} is of saga ${of.saga} v${of.version}, which is not among the declarations given (${given === '' ? 'none' : given}): name the module that exports it with --sagas`,
  );
}

type StatedFact = Extract<StatedOutcome, { kind: 'fact' }>;

/** Returns the fact as stored, in JSON. */
function factOf(step: StepDeclaration, word: StatedFact, { row, undoes }: StatedOf): string {
  const definition = definitionOf(step, word.type, undoes);
  const made = madeOf(definition, word);
  const wanted = word.key ?? row.key;
  if (made.key !== wanted)
    throw invalid(
      `this data makes ${made.type} an event of key ${JSON.stringify(made.key)}, and ${step.name} is of ${JSON.stringify(row.key)}: correct the data; if the event has another key than the step, say so with --key ${shellWord(made.key)}`,
    );
  const { type, version, payload } = made;
  return JSON.stringify({ type, version, payload });
}

function definitionOf(step: StepDeclaration, type: string, undoes: boolean): EventDefinition {
  const facts = (undoes ? [step.undone] : [step.success, step.failure]).filter((one) => one !== undefined);
  const found = facts.find((one) => one.type === type);
  if (found !== undefined) return found;
  const types = facts.map((one) => one.type);
  const meant = nearest(type, types);
  const what = undoes ? `the undo of ${step.name}` : step.name;
  throw invalid(
    `${what} emits no ${type}${meant === undefined ? '' : ` (did you mean ${meant}?)`}; give ${types.join(' or ')}`,
  );
}

function madeOf(
  definition: EventDefinition,
  { version = definition.version, payload }: StatedFact,
): DomainEvent {
  try {
    // Erased types: parsed by the definition itself.
    return definition(definition.parse(payload, version) as never);
  } catch (cause) {
    const why = messageOf(cause);
    throw invalid(`the data is not that of ${definition.type} v${version}: ${why}`, cause);
  }
}

function invalid(message: string, cause?: unknown): SagaError {
  return new SagaError('STEP_OUTCOME_INVALID', message, {
    category: 'data',
    ...(cause === undefined ? {} : { cause }),
  });
}
