import { ConvergeError } from '@convergekit/core';
import type { StoredFailure } from '../calls/work/work.ts';

/**
 * The error that a failed step or scope throws into the body. It is the same from the journal as from the call, so that
 * a repeated body takes the same way. `certainty` is `not_applied`: the step had no effect, the scope was undone.
 */
export class StepFailed extends ConvergeError {
  readonly path: string;

  constructor(path: string, { category, code, message }: StoredFailure, cause?: unknown) {
    super(message, { code, category, certainty: 'not_applied', ...(cause === undefined ? {} : { cause }) });
    this.path = path;
  }
}

/** The signal that this process does no more for now; a worker continues later. The body never receives it. */
export class Suspended extends Error {
  readonly why: 'waits' | 'stuck' | 'lost' | 'code_changed';

  constructor(why: Suspended['why'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.why = why;
  }
}
