import { type Category, type Certainty, ConvergeError } from '@convergekit/core';

export type SagaErrorCode =
  | 'SAGA_INVALID'
  | 'STEP_INVALID'
  | 'FACT_UNDECLARED'
  | 'UNDO_IRREVERSIBLE'
  | 'SAGA_VERSION_IN_USE'
  | 'SAGA_VERSION_AHEAD'
  | 'SAGA_START_UNVERSIONED'
  | 'INTENT_UNREADABLE'
  | 'SAGA_NOT_STARTED'
  | 'SAGA_UNDECIDED'
  | 'WORKER_INVALID'
  | 'STEP_NOT_WAITING'
  | 'STEP_OUTCOME_INVALID'
  | 'STEP_CHANGED'
  | 'SAGA_PAUSED'
  | 'SAGA_NOT_DECLARED'
  | 'LOCK_ROW_MISSING'
  | 'OUTCOME_UNKNOWN'
  | 'SAGA_NOT_MIGRATED'
  // Calls and their workers.
  | 'CALL_INVALID'
  | 'WORKER_MISSING'
  | 'WORK_NOT_FOUND'
  | 'WORK_NOT_RESOLVABLE'
  // Workflows.
  | 'WORKFLOW_INVALID'
  | 'WORKFLOW_MISUSED'
  | 'WORKFLOW_KEY_REUSED'
  | 'WORKFLOW_BUSY'
  | 'WORKFLOW_COMPENSATED'
  | 'WORKFLOW_UNFINISHED'
  | 'WORKFLOW_STUCK'
  | 'WORKFLOW_INTERRUPTED'
  | 'WORKFLOW_NOT_FOUND'
  | 'WORKFLOW_NOT_RESOLVABLE';

/** The error of a wrong declaration, of a workflow's run, or of an operator's impossible request. */
export class SagaError extends ConvergeError {
  declare readonly code: SagaErrorCode;

  constructor(
    code: SagaErrorCode,
    message: string,
    detail: { category?: Category; certainty?: Certainty; cause?: unknown } = {},
  ) {
    super(message, { code, category: 'configuration', certainty: 'not_applied', ...detail });
  }
}

/** The form of names: lower-case words joined by dots. */
export const DOTTED_NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$/;

/** Returns what makes the error of a wrong field in the declaration of a call or a workflow. */
export function invalidIn(kind: 'call' | 'workflow', name: string) {
  const code = kind === 'call' ? 'CALL_INVALID' : 'WORKFLOW_INVALID';
  return (field: string, value: unknown, fix: string): SagaError =>
    new SagaError(code, `${kind} ${JSON.stringify(name)}: ${field} is ${JSON.stringify(value)}; ${fix}`);
}
