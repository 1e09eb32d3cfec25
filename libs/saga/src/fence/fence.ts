/**
 * The state of a step of a saga, in the database of its service.
 * started        the effect may be on its way · unknown: the effect may have happened, which is not known yet
 * applied, rejected, failed_not_applied, failed_applied   the outcome, with the certainty of a failure
 * tombstoned     the step was undone before it began, and never begins
 * undo_pending   the undo runs, or waits until the outcome is known · undone: the undo is done
 * stuck          the outcome waits for an operator; an undo that waits for one stays undo_pending, with `stuck_since`
 */
export const FENCE_STATES = Object.freeze([
  'started',
  'applied',
  'rejected',
  'failed_not_applied',
  'failed_applied',
  'unknown',
  'tombstoned',
  'undo_pending',
  'undone',
  'stuck',
] as const);
export type FenceState = (typeof FENCE_STATES)[number];

/**
 * absent      nothing has reached this step yet, so it has no row
 * forgotten   it has no row, and the run is so old that it may have had one, which has left: see `src/retention`
 */
export type FenceFrom = FenceState | 'absent' | 'forgotten';

/**
 * begin   the event that the step waits for · again: the same for a step behind the pivot, which only goes forward
 * undo   its successor failed without effect or was undone, or its own dead letter says that it took effect
 * cancel   the saga is cancelled or late (pivot only) · deadline: the step has not ended in its own time
 * close   an earlier step failed or was undone: the saga is on its way back, and this step never begins (pivot only)
 * applied, rejected, not_applied, applied_in_failure, unknown, stuck   what became of the effect
 * undone   the undo has been done · emit_again: what called it off knew another version of the saga
 * retry   an operator has it retried
 */
export type FenceTrigger =
  | 'begin'
  | 'again'
  | 'applied'
  | 'rejected'
  | 'not_applied'
  | 'applied_in_failure'
  | 'unknown'
  | 'stuck'
  | 'undo'
  | 'undone'
  | 'emit_again'
  | 'retry'
  | 'cancel'
  | 'deadline'
  | 'close';

/**
 * The decision of the fence about a trigger.
 * run            take effect now, in this transaction or by an intent for the worker
 * emit_success, emit_failure, emit_undone   emit the event, under the id of this step and fact
 * undo           undo the step now · wait: for the outcome, which decides · noop_already: the trigger was handled before
 * closed         the step never begins, and no event is emitted: the failed step has emitted the cause
 * rejected_by_tombstone, cancel_refused   the trigger is too late
 */
export type FenceAct =
  | 'run'
  | 'emit_success'
  | 'emit_failure'
  | 'emit_undone'
  | 'undo'
  | 'wait'
  | 'noop_already'
  | 'rejected_by_tombstone'
  | 'cancel_refused'
  | 'closed';

export interface FenceDecision {
  readonly state: FenceFrom;
  readonly act: FenceAct;
}

type Row = Readonly<Partial<Record<FenceFrom, readonly [FenceFrom, FenceAct]>>>;

const outcome = (state: FenceState, act: FenceAct): Row => ({
  started: [state, act],
  unknown: [state, act],
  stuck: [state, act],
});

/** Every pair that is not here leaves the state as it is: noop_already. The drawing in docs is made from this. */
const TABLE: Readonly<Record<FenceTrigger, Row>> = {
  begin: {
    absent: ['started', 'run'],
    tombstoned: ['tombstoned', 'rejected_by_tombstone'],
  },
  again: {
    absent: ['started', 'run'],
    stuck: ['started', 'run'],
    // Of a local step, which never stays `started`: an operator had it retried.
    started: ['started', 'run'],
  },
  applied: {
    ...outcome('applied', 'emit_success'),
    undo_pending: ['undo_pending', 'undo'],
  },
  rejected: {
    ...outcome('rejected', 'emit_failure'),
    undo_pending: ['undone', 'emit_undone'],
  },
  not_applied: {
    ...outcome('failed_not_applied', 'emit_failure'),
    // A local step that fails has written nothing, its own `started` included.
    absent: ['failed_not_applied', 'emit_failure'],
    undo_pending: ['undone', 'emit_undone'],
  },
  applied_in_failure: {
    ...outcome('failed_applied', 'emit_failure'),
    absent: ['failed_applied', 'emit_failure'],
    // It was tried and rolled back before the tombstone, and the failure is recorded after it.
    tombstoned: ['undo_pending', 'undo'],
    undo_pending: ['undo_pending', 'undo'],
  },
  unknown: {
    started: ['unknown', 'wait'],
    absent: ['unknown', 'wait'],
    tombstoned: ['undo_pending', 'wait'],
    undo_pending: ['undo_pending', 'wait'],
  },
  stuck: {
    // A local step behind the pivot that was given up has written nothing.
    absent: ['stuck', 'wait'],
    started: ['stuck', 'wait'],
    unknown: ['stuck', 'wait'],
    undo_pending: ['undo_pending', 'wait'],
    // Nothing is to be undone, and the event that says so cannot be made.
    rejected: ['rejected', 'wait'],
    failed_not_applied: ['failed_not_applied', 'wait'],
    tombstoned: ['tombstoned', 'wait'],
    undone: ['undone', 'wait'],
  },
  undo: {
    absent: ['tombstoned', 'emit_undone'],
    // What it did is not known here any more: an operator must say it, before anything is said to be undone.
    forgotten: ['undo_pending', 'wait'],
    ...outcome('undo_pending', 'wait'),
    applied: ['undo_pending', 'undo'],
    failed_applied: ['undo_pending', 'undo'],
  },
  // Where nothing was to be undone, an undone event that could not be made in its transaction is emitted later.
  undone: {
    undo_pending: ['undone', 'emit_undone'],
    rejected: ['rejected', 'emit_undone'],
    failed_not_applied: ['failed_not_applied', 'emit_undone'],
    tombstoned: ['tombstoned', 'emit_undone'],
    undone: ['undone', 'emit_undone'],
  },
  retry: {
    started: ['started', 'wait'],
    unknown: ['unknown', 'wait'],
    undo_pending: ['undo_pending', 'wait'],
    rejected: ['rejected', 'wait'],
    failed_not_applied: ['failed_not_applied', 'wait'],
    tombstoned: ['tombstoned', 'wait'],
    undone: ['undone', 'wait'],
    stuck: ['started', 'wait'],
  },
  emit_again: {
    tombstoned: ['tombstoned', 'emit_failure'],
  },
  cancel: {
    absent: ['tombstoned', 'emit_failure'],
    started: ['started', 'wait'],
    unknown: ['unknown', 'wait'],
    stuck: ['stuck', 'wait'],
    applied: ['applied', 'cancel_refused'],
    failed_applied: ['failed_applied', 'cancel_refused'],
    forgotten: ['forgotten', 'cancel_refused'],
  },
  // The loser of the two is undone: an outcome that is there already stands.
  deadline: outcome('undo_pending', 'wait'),
  close: {
    absent: ['tombstoned', 'closed'],
  },
};

export const FENCE_TRIGGERS: readonly FenceTrigger[] = Object.freeze(Object.keys(TABLE) as FenceTrigger[]);

/** Pure: what a trigger does to a step. Total, and the same whatever was delivered before, twice or in another order. */
export function decideFence(from: FenceFrom, trigger: FenceTrigger): FenceDecision {
  const [state, act] = TABLE[trigger][from] ?? [from, 'noop_already'];
  return { state, act };
}

/** True when neither a deadline nor a cancellation can change the step any more. */
export function isDecided(state: FenceFrom): boolean {
  switch (state) {
    case 'absent':
    case 'started':
    case 'unknown':
    case 'stuck':
      return false;
    case 'applied':
    case 'rejected':
    case 'failed_not_applied':
    case 'failed_applied':
    case 'tombstoned':
    case 'undo_pending':
    case 'undone':
    case 'forgotten':
      return true;
  }
}
