/** The test that shows each bound of `docs/guides/waiting.md`: file, title, and the states. */
export const shownBy: readonly (readonly [file: string, title: string, states: readonly string[]])[] = [
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a call behind the pivot that is refused is stuck after its bound, and ends when the other side accepts',
    ['saga_fence.started'],
  ],
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a query that is always refused is stuck after its bound, and its answer ends the saga',
    ['saga_fence.unknown'],
  ],
  [
    'libs/saga/src/step/undo-stuck.int.test.ts',
    'an undo that always fails is retried, alerts an operator once, and delays no step that does not depend on it',
    ['saga_fence.undo_pending'],
  ],
  [
    'libs/saga/src/observe/observer.int.test.ts',
    'an observer marks an overdue instance as expired once, and still records its end when it comes',
    [
      'saga_fence.applied',
      'saga_fence.failed_applied',
      'saga_instance.running',
      'saga_instance.compensating',
      'saga_instance.expired',
    ],
  ],
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a `noop` that throws is stuck after its bound, and the step before is undone when it works',
    ['saga_fence.rejected', 'saga_fence.failed_not_applied', 'saga_fence.tombstoned'],
  ],
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a `noop` that throws after a call without effect delays only its own event',
    ['saga_fence.undone'],
  ],
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a call behind the pivot that is refused ends by the outcome that an operator states',
    ['saga_fence.stuck', 'saga_instance.stuck'],
  ],
  [
    'libs/saga/src/calls/worker/overdue.int.test.ts',
    'work that waits for longer than its bound alerts an operator once, in every state',
    ['saga_work.ready', 'saga_work.calling', 'saga_work.unknown'],
  ],
  [
    'libs/saga/src/step/half-done.int.test.ts',
    'a `record` that throws leaves the charge stuck, and the charge is refunded when `record` works',
    ['saga_work.answered'],
  ],
  [
    'libs/saga/src/step/local.int.test.ts',
    'a dead letter of %s with an unknown outcome moves no other step',
    ['saga_work.stuck'],
  ],
  [
    'libs/saga/src/calls/worker/overdue.int.test.ts',
    'overdue work of kind %s raises the alarm of its kind',
    [
      'saga_work op apply',
      'saga_work op resolve',
      'saga_work op compensate',
      'saga_work op cancel',
      'saga_work op deadline',
      'saga_work op expire',
      'saga_work op call',
    ],
  ],
  [
    'libs/saga/src/retention/sweep.int.test.ts',
    'the removal of an incomplete join is logged with saga, run, step, the members that came and those that are missing',
    ['saga_join.begin', 'saga_join.undo'],
  ],
  [
    'libs/saga/src/calls/worker/overdue.int.test.ts',
    'a workflow that is due and is not continued by any worker raises an alarm',
    ['workflow.running'],
  ],
  [
    'libs/saga/src/workflow/operate.int.test.ts',
    'a workflow whose undo fails for too long is listed as stuck, and retried until it is undone',
    ['workflow.compensating'],
  ],
  [
    'libs/saga/src/workflow/operate.int.test.ts',
    'a workflow with a step that cannot be undone waits for an operator, who may accept its effect; the rest is undone',
    ['workflow.stuck'],
  ],
  [
    'libs/inbox/src/attempt/failures.int.test.ts',
    'one attempt with an unknown outcome makes the whole dead letter unknown',
    ['parked_key.waiting', 'parked_key.dead', 'parked.waiting'],
  ],
  [
    'libs/inbox/src/attempt/failures.int.test.ts',
    'a failing event is isolated: the others of its slice are applied once and in order, and it alone is given up',
    ['parked.dead'],
  ],
  [
    'libs/inbox/src/park/pauses.int.test.ts',
    'a partition pauses while a breaker is open, counts no attempt, and continues where it was',
    ['inbox_partition.running'],
  ],
  [
    'libs/inbox/src/gap/gaps.int.test.ts',
    'a partition resumed without a fill halts again, and options that do not fit its halt are refused',
    ['inbox_partition.halted'],
  ],
  [
    'verification/promises/parking.int.test.ts',
    'G5b: a partition pauses at the cap of parked events, and continues when there is room',
    ['partition paused'],
  ],
  [
    'libs/reconcile/src/service.int.test.ts',
    'keys that are late raise an alarm, whether queued or held by a dead worker',
    ['reconcile_key.queued', 'reconcile_key.running'],
  ],
  [
    'libs/reconcile/src/service.int.test.ts',
    'keys that wait too long for events, parked events or open steps raise an alarm',
    ['reconcile_key in flight'],
  ],
  [
    'libs/reconcile/src/reconcile.int.test.ts',
    'a repair that the business refuses is terminal at once, and writes nothing',
    ['reconcile_key.terminal'],
  ],
  [
    'libs/cli/src/commands/reconcile/killed.e2e.test.ts',
    'of two reconciler processes one is killed: no key is visited by two at once, no run is lost, the schedule goes on',
    ['reconcile_run.running'],
  ],
  [
    'libs/reconcile/src/runs/interrupted.int.test.ts',
    'an interrupted run is continued at its checkpoint by the next leader, with the counts up to there',
    ['reconcile_run.interrupted'],
  ],
  [
    'libs/relay/src/watch/watch.int.test.ts',
    'a leader without a broker is live, names the broker by an alarm, and clears it when the broker is back',
    ['topic flowing'],
  ],
  [
    'libs/relay/src/errors.int.test.ts',
    'a record refused for an unknown reason halts its topic, which names the code and the event',
    ['topic halted'],
  ],
  [
    'libs/relay/src/watch/watch.int.test.ts',
    'a survey shows the age of the oldest event of a halted topic, although done_tick has passed it',
    ['topic catching_up', 'topic joining'],
  ],
];
