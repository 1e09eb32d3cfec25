import { type Category, type Certainty, ConvergeError } from '@convergekit/core';

export type EffectErrorCode =
  | 'EFFECT_INVALID'
  | 'WORKER_INVALID'
  | 'WORKER_MISSING'
  | 'SAGA_NOT_MIGRATED'
  | 'WORK_NOT_FOUND'
  | 'WORK_NOT_RESOLVABLE';

/** The error of a wrong declaration of an effect or worker, or of an operator's impossible request. */
export class EffectError extends ConvergeError {
  declare readonly code: EffectErrorCode;

  constructor(
    code: EffectErrorCode,
    message: string,
    detail: { category?: Category; certainty?: Certainty; cause?: unknown } = {},
  ) {
    super(message, { code, category: 'configuration', certainty: 'not_applied', ...detail });
  }
}

export function notMigrated(cause: unknown): EffectError {
  return new EffectError(
    'SAGA_NOT_MIGRATED',
    'the tables of sagas are missing in this database: run `converge migrate` with its DATABASE_URL, then start again',
    { cause },
  );
}
