import { failureTopic } from '@convergekit/contracts';
import { DOTTED_NAME, SagaError } from '../errors.ts';

/** Names that a step must not have: members of a saga's value, of a thenable, of every object. */
export const RESERVED_NAMES = Object.freeze([
  'declaration',
  'compensatable',
  'parallel',
  'pivot',
  'retriable',
  'then',
  'constructor',
] as const);
export type ReservedName = (typeof RESERVED_NAMES)[number];

// Together `<saga>.<step>.compensate` stays a name of a call: at most 100 characters.
const MAX_SAGA = 60;
const STEP = /^[a-z][a-z0-9_-]*$/;
const MAX_STEP = 28;

/** The error of a declaration: where it is wrong, and what to write instead. */
export function invalid(
  { saga, step }: { readonly saga: string; readonly step?: string },
  what: string,
  fix: string,
  cause?: unknown,
): SagaError {
  const where = step === undefined ? `saga ${saga}` : `saga ${saga}, step ${step}`;
  return new SagaError('SAGA_INVALID', `${where}: ${what}; ${fix}`, cause === undefined ? {} : { cause });
}

export function checkSagaName(saga: string): void {
  if (typeof saga !== 'string' || !DOTTED_NAME.test(saga) || saga.length > MAX_SAGA)
    throw invalid(
      { saga: JSON.stringify(saga) },
      `this cannot name a saga`,
      `use lower-case words joined by dots, at most ${MAX_SAGA} characters, such as shop.place-order`,
    );
}

export function checkStepName(saga: string, step: string, taken: readonly string[]): void {
  const at = { saga, step };
  if (!STEP.test(step) || step.length > MAX_STEP)
    throw invalid(
      { saga, step: JSON.stringify(step) },
      'this cannot name a step',
      `use lower-case letters, digits, "_" and "-", at most ${MAX_STEP}, such as reserve`,
    );
  if (RESERVED_NAMES.some((name) => name === step))
    throw invalid(at, 'the name is a word of the builder', 'name the step otherwise');
  if (taken.includes(step)) throw invalid(at, 'another step has this name', 'give each step its own name');
}

export function checkConsumerName(saga: string, step: string, by: unknown): string {
  const fix = 'give the name of the consumer that runs it, such as by: "inventory"';
  if (typeof by !== 'string') throw invalid({ saga, step }, 'it does not say which consumer runs it', fix);
  try {
    failureTopic(by);
    return by;
  } catch (cause) {
    throw invalid({ saga, step }, `${JSON.stringify(by)} cannot name a consumer`, fix, cause);
  }
}
