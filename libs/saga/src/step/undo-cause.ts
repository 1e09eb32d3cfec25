import type { Reason } from '../fence/fence-sql.ts';
import type { StoredEvent } from './stored-event.ts';

/** What made an undo necessary. */
export interface UndoCause {
  readonly event: StoredEvent;
  readonly reason: Reason;
  readonly attemptId: string | undefined;
  /** Of an undo that an operator did or let go of. */
  readonly actor?: string;
  readonly note?: string;
}
