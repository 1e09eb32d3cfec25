import { type Category, type Certainty, ConvergeError } from '@convergekit/core';

export type ReconcileErrorCode =
  | 'RECONCILER_INVALID'
  | 'DATABASE_UNKNOWN'
  | 'INVARIANT_BROKEN'
  | 'REPAIR_INVALID'
  | 'REPAIR_UNGUARDED'
  | 'REPAIR_NOT_OWNED'
  | 'CLAIM_LOST'
  | 'REPORT_UNNAMED'
  | 'READ_TIMEOUT'
  | 'RECONCILER_PAUSED';

/** An invalid field of a declaration, and what to write instead. */
export interface DeclarationFault {
  readonly field: string;
  readonly value: unknown;
  readonly fix: string;
}

/** The error of an invalid reconciler, or of a repair that must not commit. */
export class ReconcileError extends ConvergeError {
  declare readonly code: ReconcileErrorCode;

  constructor(
    message: string,
    detail: { code: ReconcileErrorCode; category: Category; certainty?: Certainty; cause?: unknown },
  ) {
    super(message, { certainty: 'not_applied', ...detail });
  }
}
