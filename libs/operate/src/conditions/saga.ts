import {
  readLateCalls,
  readLateInstances,
  readOverdueJournal,
  readPauses,
  readUnclaimedWork,
} from '@convergekit/saga/operate';
import type { DatabaseCheck } from './checks.ts';
import type { Condition } from './condition.ts';
import {
  journalItems,
  lateCallItems,
  lateSagaItems,
  MOST_PAUSES,
  pauseItems,
  workerItems,
} from './saga-items.ts';

/** Calls that are due this long and have no worker are reported, in milliseconds: a worker starts within it. */
const UNCLAIMED_MS = 60_000;
/** The entries of journals that are named. */
const MOST_ENTRIES = 200;

const observed: DatabaseCheck = {
  name: 'sagas',
  sound: 'no observer of this database sees a saga that is expired or stuck',
  find: async ({ one }) => lateSagaItems(await readLateInstances(one.executor)),
};

const steps: DatabaseCheck = {
  name: 'steps and calls',
  sound: 'no step, call or workflow is stuck, overdue or without a worker',
  find: async ({ one: { executor }, bounds: { overdueMs }, now }) => {
    const unclaimed = await readUnclaimedWork(executor, { afterMs: UNCLAIMED_MS });
    const overdue = await readOverdueJournal(executor, { afterMs: overdueMs, limit: MOST_ENTRIES });
    const late = await readLateCalls(executor, { idleMs: overdueMs });
    const without = new Set(unclaimed.map(({ call }) => call));
    const claimed = late.filter(({ call }) => !without.has(call));
    return [
      ...journalItems(overdue, unclaimed, now),
      ...workerItems(unclaimed, now),
      ...lateCallItems(claimed, now),
    ];
  },
};

const pauses: DatabaseCheck = {
  name: 'paused sagas',
  sound: 'none',
  find: async ({ one: { executor }, now }) =>
    pauseItems(await readPauses(executor, { limit: MOST_PAUSES }), now),
};

/** The conditions of sagas, calls and workflows. Each is found in a database, or logged by the engine of that name. */
export const sagaConditions: readonly Condition[] = [
  {
    name: 'step_stuck',
    noun: 'saga',
    found: [observed, steps],
    page: 'now',
    means:
      'A step has waited for its outcome for too long, or a step behind the pivot was given up. It is stuck for observers too, and is retried',
    next: '`converge saga show`; fix the cause, or `converge saga resolve` where the outcome is known',
  },
  {
    name: 'saga_paused',
    noun: 'saga',
    found: [pauses],
    page: 'today',
    means:
      'An operator paused a saga, or one instance: no worker takes up its calls, queries and undos. What was in flight ends; events, local steps and timers go on',
    next: '`converge saga resume <saga> --rate 50 --reason …`, when its cause is over',
  },
  {
    name: 'compensation_stuck',
    noun: 'saga',
    found: 'the log, once; its step is shown as stuck',
    page: 'now',
    means: 'An undo, or the undone event of a step without an effect, has failed for too long. It is retried',
    next: 'fix the cause; `converge saga resolve` where it was done by hand, with `--effect-stays` to leave the effect',
  },
  {
    name: 'timer_late',
    noun: 'saga',
    found: 'the log and /metrics; its call is shown as one that waits',
    page: 'today',
    means: 'A cancellation or a deadline could not be decided for too long',
    next: '`converge saga show`: its pivot is stuck, or the line says what fails',
  },
  {
    name: 'call_late',
    noun: 'saga',
    found: [steps],
    page: 'today',
    means: 'A call that a handler requested has waited for too long. It is retried',
    next: '`converge call show`; fix the cause, or `converge call resolve`',
  },
  {
    name: 'calls_waiting',
    noun: 'saga',
    found: [steps],
    page: 'today',
    means:
      'Calls of other systems failed, and have waited for a minute or longer; or no attempt was made in 15 min. The line has their commonest failure, and how many an open breaker refused since',
    next: 'repair the other system, and its calls are made by themselves; `converge call list --name <name>` shows each',
  },
  {
    name: 'call_undeclared',
    noun: 'saga',
    found: [steps],
    page: 'now',
    means: 'Calls wait, and no worker of this database declares them',
    next: 'deploy the code that does, or `converge call resolve`',
  },
  {
    name: 'worker_gone',
    noun: 'saga',
    found: 'the log; its calls are shown as ones that no worker does',
    page: 'log',
    means: 'A call, an undo or a timer waits for a worker that has not been seen for ten minutes',
    next: 'start the saga worker again',
  },
  {
    name: 'record_left_out',
    noun: 'saga',
    found: 'the log, once',
    page: 'log',
    means:
      'An operator resolved a step whose `record` fails: the saga continues, and the rows that `record` writes are missing',
    next: 'write the rows by hand, and fix `record`',
  },
  {
    name: 'workflow_stuck',
    noun: 'saga',
    found: [steps],
    page: 'log',
    means:
      'A workflow waits for an operator, or for code that declares its step; an undo that fails is retried',
    next: '`converge workflow show`; fix the cause, or `converge workflow resolve`',
  },
  {
    name: 'workflow_overdue',
    noun: 'saga',
    found: 'the log; its workflow is shown as overdue',
    page: 'log',
    means: 'Workflows are due, and no worker continues them',
    next: 'run the worker of the service that declares them',
  },
  {
    name: 'join_swept',
    noun: 'saga',
    found: 'the log, once',
    page: 'today',
    means:
      'An instance was removed after `keepMs`, and a step of it never received the events of all members of its group. Expected where the group failed and the saga was compensated',
    next: 'compare with `converge saga narrative` in the other services; look for a lost event of a missing member',
  },
  {
    name: 'saga_expired',
    noun: 'saga',
    found: [observed],
    page: 'today',
    means: 'A saga has not ended in its time; an observer reports it',
    next: '`converge saga narrative`',
  },
  {
    name: 'journal_overdue',
    noun: 'saga',
    found: [steps],
    page: 'now',
    means:
      'A step of a saga, a call or a workflow is open for longer than `scans.overdueMs` (15 min), or waits for an operator',
    next: 'the command in the line: `converge saga show`, `call show` or `workflow show`',
  },
];
