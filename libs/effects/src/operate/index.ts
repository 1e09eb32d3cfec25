/** What operators do with calls: the CLI and the console use it. */
export type { CheckedJournals, Finding } from '../journal/check-journal.ts';
export { type Outcome, statedFailure, WORK_STATES, type WorkState } from '../work/work.ts';
export {
  type ActingOperator,
  actOnWork,
  listWork,
  readWork,
  type WorkDetail,
  type WorkFilter,
  type WorkView,
} from './work-sql.ts';
export { type BreakerWait, readBreakerWaits } from './breaker-waits-sql.ts';
export { countFailedCalls } from './failed-calls-sql.ts';
export { type OverdueEntry, readOverdueJournal } from './overdue-journal-sql.ts';
export { readUnclaimedWork, type UnclaimedWork } from './unclaimed-sql.ts';
