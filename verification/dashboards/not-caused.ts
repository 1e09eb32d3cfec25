/**
 * Queries of rare events that neither the demo nor `causeEvents` causes for certain: they may be empty. Every other query
 * must return data.
 */
export const NOT_CAUSED: readonly string[] = [
  'Overview / Sources without a leader 1',
  'Overview / Partitions that wait for an operator 1',
  'Overview / Sagas that wait for an operator 1',
  'Relay / Outbox on disk 3',
  'Relay / Failed sends 1',
  'Relay / Alarms raised 1',
  'Consumers / Duplicates dropped 1',
  'Consumers / Partitions that wait for an operator 1',
  'Consumers / Partitions that wait by themselves 1',
  'Consumers / Pauses 1',
  ...[1, 2, 3, 4, 5, 6].map((number) => `Consumers / Doubts about the log ${number}`),
  'Retries / Retry budgets 1',
  'Retries / Errors without a rule 1',
  'Sagas and calls / Sagas that wait for an operator 1',
  'Sagas and calls / Overdue sagas 1',
  'Sagas and calls / Joins that never completed 1',
  'Sagas and calls / Calls that waited too long 1',
  'Sagas and calls / Calls that no worker declares 1',
  'Reconcilers / Stabilised or flapping 2',
  'Reconcilers / Left to an operator 1',
  'Reconcilers / Missed starts 1',
  'Reconcilers / Ranges compared by digests 1',
  'Reconcilers / Rows hashed by digests 1',
  'Reconcilers / Duration of a digest scan 1',
];

/** Alerts on series that only such events have. */
export const UNSEEN: readonly string[] = [
  'ConvergeConsumerHalted',
  'ConvergeConsumerStillPaused',
  'ConvergeConsumerPaused',
  'ConvergeGap',
  'ConvergeSourceConflict',
  'ConvergeForeignIdReused',
  'ConvergeUnreadableFlood',
  'ConvergeReconcilerUnknown',
  'ConvergeReconcilerStartsMissed',
  'ConvergeSagaStuck',
  'ConvergeCallLate',
  'ConvergeCallsWaiting',
  'ConvergeSagaStillPaused',
  'ConvergeCallUndeclared',
  'ConvergeJoinSwept',
];
