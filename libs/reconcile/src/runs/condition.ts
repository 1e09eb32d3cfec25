import type { ConditionParts } from '../schedule/schedules-sql.ts';
import type { ReconcilerStatus } from './history-sql.ts';

/** The condition of a reconciler, in a word and in a few. */
export interface Condition {
  readonly is: 'paused' | 'held' | 'overdue' | 'unled' | 'running';
  readonly text: string;
}

type Recorded = Omit<ConditionParts, 'requestedBy'> & Partial<Pick<ReconcilerStatus, 'held' | 'requestedBy'>>;

/** Finds the condition of a reconciler: of several, the one that must end first. Pure. */
export function conditionOf({ paused, held, overdueSince, leader, requestedBy }: Recorded): Condition {
  if (paused !== null) return { is: 'paused', text: `paused by ${paused.by}: ${paused.reason}` };
  if (held != null) return { is: 'held', text: `repairs held since ${held.at.toISOString()}` };
  if (overdueSince !== null) return { is: 'overdue', text: `overdue since ${overdueSince.toISOString()}` };
  if (leader === null) return { is: 'unled', text: 'no process runs it' };
  return {
    is: 'running',
    text: requestedBy == null ? 'running' : `running, a run is requested by ${requestedBy}`,
  };
}
