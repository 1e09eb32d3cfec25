import type { Reason } from '../fence/decision-sql.ts';
import type { StoredEvent } from './stored-event.ts';

/** The cause of an undo. */
export interface UndoCause {
  readonly event: StoredEvent;
  readonly reason: Reason;
  readonly attemptId: string | undefined;
  /** The `traceparent` of the attempt, or of what refused the step. */
  readonly attemptTrace?: string | undefined;
  /** The operator who undid the effect or accepted it. */
  readonly actor?: string;
  readonly note?: string;
}
