import { alarmDefinitions as consumerAlarms } from '@convergekit/inbox/operate';
import { alarmDefinitions as relayAlarms } from '@convergekit/relay/operate';

/** What an alarm means and what to do about it, as in docs/guides/alarms.md. */
interface AlarmText {
  readonly means: string;
  readonly next: string;
}

/** The alarms of sagas, calls and reconcilers that a database shows. A test compares docs/guides/alarms.md with this table. */
export const journalAlarms: Readonly<Record<string, AlarmText>> = {
  step_stuck: {
    means:
      'A step has waited for its outcome for too long, or a step behind the pivot was given up. It is stuck for observers too, and is retried',
    next: '`converge saga show`; fix the cause, or `converge saga resolve` where the outcome is known',
  },
  saga_paused: {
    means:
      'An operator paused a saga, or one instance: no worker takes up its calls, queries and undos. What was in flight ends; events, local steps and timers go on',
    next: '`converge saga resume <saga> --rate 50 --reason …`, when its cause is over',
  },
  call_late: {
    means: 'A call that a handler requested has waited for too long. It is retried',
    next: '`converge call show`; fix the cause, or `converge call resolve`',
  },
  calls_waiting: {
    means:
      'Calls of other systems failed, and have waited for a minute or longer; or no attempt was made in 15 min. The line has their commonest failure, and how many an open breaker refused since',
    next: 'repair the other system, and its calls are made by themselves; `converge call list --name <name>` shows each',
  },
  saga_expired: {
    means: 'A saga has not ended in its time; an observer reports it',
    next: '`converge saga narrative`',
  },
  call_undeclared: {
    means: 'Calls wait, and no worker of this database declares them',
    next: 'deploy the code that does, or `converge call resolve`',
  },
  workflow_stuck: {
    means:
      'A workflow waits for an operator, or for code that declares its step; an undo that fails is retried',
    next: '`converge workflow show`; fix the cause, or `converge workflow resolve`',
  },
  reconcile_held: {
    means:
      'More repairs are due than the limits allow, such as after desired lost its rows: nothing more is repaired',
    next: '`converge reconcile diff`; if it is right, `converge reconcile approve <name> --repairs n --reason …` (or `--key` for each key), else fix desired',
  },
  reconcile_paused: {
    means: 'An operator paused a reconciler: it compares and repairs nothing',
    next: '`converge reconcile resume <name>`, when its cause is over; one that is not to run any more stays paused',
  },
  reconcile_keys_late: {
    means:
      'Keys are due, and no worker reconciles them (`late`); or drifts wait for events, parked events or open steps (`waiting`)',
    next: 'look for a slow database, raise `workers`; for `waiting` see `reason` in `converge.reconcile_key`, and let the relay, the consumer or the step continue',
  },
  reconcile_unresolvable: {
    means:
      'A drift that its reconciler declares beyond repair. The key is left alone until it is reported again',
    next: '`converge reconcile diff`; fix the data by hand, then `converge reconcile retry`',
  },
  events_stalled: {
    means: 'A consumer has not handled an event that was sent longer than `scans.stalledMs` (10 min) ago',
    next: '`converge consumers list <consumer>`: is it halted, is its process there, how large is its lag?',
  },
  consumer_behind: {
    means:
      'A consumer runs, and has not handled a record that was written more than ten minutes ago, of any producer',
    next: '`converge consumers list <consumer>`: is it too slow for what comes, or does one key take all its time?',
  },
  consumer_gone: {
    means: 'A consumer has had a record to read for 30 s, and no process of it is in its group',
    next: 'start its process; one that runs says in its log why the broker refuses it; `converge consumers list <consumer>` shows how far it is behind',
  },
  relay_gone: {
    means:
      'No relay leads an outbox: nothing is published. The line has what the catalog knows of its login: gone, not allowed, its password ended, or sound and without a session',
    next: 'the command in the line; with a sound login, start `converge relay`, or read why it does not lead in its log and at /readyz',
  },
  events_lost: {
    means:
      'A consumer passed events without having them: an open gap. The line names the reconcilers that got its keys',
    next: '`converge consumers fill <consumer>` while the source keeps the events; else `keys.gaps` of a reconciler, or `converge reconcile run <name> --now`',
  },
  reconcile_overdue: {
    means:
      'The start of a schedule was not made for ten minutes: no process runs it, or the one that leads does not. Paused reconcilers are left out',
    next: 'start a process, `converge reconcile run`; not meant to run any more: `converge reconcile pause <name> --reason …`',
  },
  journal_overdue: {
    means:
      'A step of a saga, a call or a workflow is open for longer than `scans.overdueMs` (15 min), or waits for an operator',
    next: 'the command in the line: `converge saga show`, `call show` or `workflow show`',
  },
};

/** Finds the text of an alarm by its name; undefined for a name that no table has. */
export function alarmText(name: string): AlarmText | undefined {
  for (const table of [relayAlarms, consumerAlarms, journalAlarms] as Readonly<Record<string, AlarmText>>[])
    if (Object.hasOwn(table, name)) return table[name];
  return undefined;
}
