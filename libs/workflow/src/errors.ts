import { type Category, type Certainty, ConvergeError } from '@convergekit/core';
import type { StoredFailure } from '@convergekit/effects/engine';

export type StackErrorCode =
  | 'STACK_INVALID'
  | 'STACK_MISUSED'
  | 'STACK_KEY_REUSED'
  | 'STACK_BUSY'
  | 'STACK_COMPENSATED'
  | 'STACK_UNFINISHED'
  | 'STACK_STUCK'
  | 'STACK_INTERRUPTED'
  | 'STACK_NOT_FOUND'
  | 'STACK_NOT_RESOLVABLE'
  | 'STACK_NOT_MIGRATED';

/** What `run` and the operators' functions reject with. */
export class StackError extends ConvergeError {
  declare readonly code: StackErrorCode;

  constructor(
    code: StackErrorCode,
    message: string,
    detail: { category?: Category; certainty?: Certainty; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, { code, category: 'configuration', certainty: 'not_applied', ...detail });
  }
}

/**
 * What a step or a scope that failed throws into the body: the same from the journal as from the call, so that a body
 * that is run again takes the same way. `certainty` is `not_applied`: the step took no effect, the scope was undone.
 */
export class StepFailed extends ConvergeError {
  readonly path: string;

  constructor(path: string, { category, code, message }: StoredFailure, cause?: unknown) {
    super(message, { code, category, certainty: 'not_applied', ...(cause === undefined ? {} : { cause }) });
    this.path = path;
  }
}

/** Why nothing more happens in this process for now; another turn of a worker goes on. Never told to the body as an answer. */
export class Suspended extends Error {
  readonly why: 'waits' | 'stuck' | 'lost' | 'code_changed';

  constructor(why: Suspended['why'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
  }
}
