import type { Condition } from './condition.ts';

/** The conditions of sagas, calls and workflows. Each is found in a database, or logged by the engine of that name. */
export const sagaConditions: readonly Condition[] = [
  {
    name: 'step_stuck',
    noun: 'saga',
    page: 'now',
    means:
      'A step has waited for its outcome for too long, or a step behind the pivot was given up. It is stuck for observers too, and is retried',
    next: '`converge saga show`; fix the cause, or `converge saga resolve` where the outcome is known',
  },
  {
    name: 'saga_paused',
    noun: 'saga',
    page: 'today',
    means:
      'An operator paused a saga, or one instance: no worker takes up its calls, queries and undos. What was in flight ends; events, local steps and timers go on',
    next: '`converge saga resume <saga> --rate 50 --reason …`, when its cause is over',
  },
  {
    name: 'compensation_stuck',
    noun: 'saga',
    page: 'now',
    means: 'An undo, or the undone event of a step without an effect, has failed for too long. It is retried',
    next: 'fix the cause; `converge saga resolve` where it was done by hand, with `--effect-stays` to leave the effect',
  },
  {
    name: 'timer_late',
    noun: 'saga',
    page: 'today',
    means: 'A cancellation or a deadline could not be decided for too long',
    next: '`converge saga show`: its pivot is stuck, or the line says what fails',
  },
  {
    name: 'call_late',
    noun: 'saga',
    page: 'today',
    means: 'A call that a handler requested has waited for too long. It is retried',
    next: '`converge call show`; fix the cause, or `converge call resolve`',
  },
  {
    name: 'calls_waiting',
    noun: 'saga',
    page: 'today',
    means:
      'Calls of other systems failed, and have waited for a minute or longer; or no attempt was made in 15 min. The line has their commonest failure, and how many an open breaker refused since',
    next: 'repair the other system, and its calls are made by themselves; `converge call list --name <name>` shows each',
  },
  {
    name: 'call_undeclared',
    noun: 'saga',
    page: 'now',
    means: 'Calls wait, and no worker of this database declares them',
    next: 'deploy the code that does, or `converge call resolve`',
  },
  {
    name: 'worker_gone',
    noun: 'saga',
    page: 'log',
    means: 'A call, an undo or a timer waits for a worker that has not been seen for ten minutes',
    next: 'start the saga worker again',
  },
  {
    name: 'record_left_out',
    noun: 'saga',
    page: 'log',
    means:
      'An operator resolved a step whose `record` fails: the saga continues, and the rows that `record` writes are missing',
    next: 'write the rows by hand, and fix `record`',
  },
  {
    name: 'workflow_stuck',
    noun: 'saga',
    page: 'log',
    means:
      'A workflow waits for an operator, or for code that declares its step; an undo that fails is retried',
    next: '`converge workflow show`; fix the cause, or `converge workflow resolve`',
  },
  {
    name: 'workflow_overdue',
    noun: 'saga',
    page: 'log',
    means: 'Workflows are due, and no worker continues them',
    next: 'run the worker of the service that declares them',
  },
  {
    name: 'join_swept',
    noun: 'saga',
    page: 'today',
    means:
      'An instance was removed after `keepMs`, and a step of it never received the events of all members of its group. Expected where the group failed and the saga was compensated',
    next: 'compare with `converge saga narrative` in the other services; look for a lost event of a missing member',
  },
  {
    name: 'saga_expired',
    noun: 'saga',
    page: 'today',
    means: 'A saga has not ended in its time; an observer reports it',
    next: '`converge saga narrative`',
  },
  {
    name: 'journal_overdue',
    noun: 'saga',
    page: 'now',
    means:
      'A step of a saga, a call or a workflow is open for longer than `scans.overdueMs` (15 min), or waits for an operator',
    next: 'the command in the line: `converge saga show`, `call show` or `workflow show`',
  },
];
