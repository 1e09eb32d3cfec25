import { readLateKeys, readStatus } from '@convergekit/reconcile/operate';
import type { DatabaseCheck } from './checks.ts';
import type { Condition } from './condition.ts';
import { lateKeyItems, reconcilerItems } from './reconciler-items.ts';

const reconcilers: DatabaseCheck = {
  name: 'reconciler alarms',
  sound: 'none is held, paused, late or has keys for an operator',
  find: async ({ one: { executor }, bounds }) => [
    ...reconcilerItems(await readStatus(executor)),
    ...lateKeyItems(await readLateKeys(executor, bounds.overdueMs)),
  ],
};

/** The conditions of reconcilers. Each is found in a database, or logged by the engine of that name. */
export const reconcilerConditions: readonly Condition[] = [
  {
    name: 'reconcile_keys_late',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'today',
    means:
      'Keys are due, and no worker reconciles them (`late`); or drifts wait for events, parked events or open steps (`waiting`)',
    next: 'look for a slow database, raise `workers`; for `waiting` see `reason` in `converge.reconcile_key`, and let the relay, the consumer or the step continue',
  },
  {
    name: 'reconcile_held',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'now',
    means:
      'More repairs are due than the limits allow, such as after desired lost its rows: nothing more is repaired',
    next: '`converge reconcile diff`; if it is right, `converge reconcile approve <name> --repairs n --reason …` (or `--key` for each key), else fix desired',
  },
  {
    name: 'reconcile_unresolvable',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'today',
    means:
      'A drift that its reconciler declares beyond repair. The key is left alone until it is reported again',
    next: '`converge reconcile diff`; fix the data by hand, then `converge reconcile retry`',
  },
  {
    name: 'reconcile_flapping',
    noun: 'reconciler',
    found: 'the log and the audit, once; its key is shown as one left to an operator',
    page: 'today',
    means:
      'A key diverged again after each of `limits.repairsPerKey` repairs: another writer works against them. The key is left alone',
    next: '`converge reconcile audit`; stop the other writer, then `converge reconcile retry`',
  },
  {
    name: 'reconcile_refused',
    noun: 'reconciler',
    found: 'the log and the audit, once; its key is shown as one left to an operator',
    page: 'today',
    means: 'A repair was rolled back: it broke an invariant, or changed a field or a row that it may not',
    next: '`converge reconcile audit` names it; fix the repair, then `converge reconcile retry`',
  },
  {
    name: 'reconcile_overrun',
    noun: 'reconciler',
    found: 'the log and /metrics; `converge reconcile history`',
    page: 'today',
    means:
      'A run took longer than the interval of its schedule: starts that came meanwhile were left out, and are one run',
    next: 'lengthen the interval, or make the scan faster: `converge reconcile history <name>` shows both',
  },
  {
    name: 'reconcile_run_failed',
    noun: 'reconciler',
    found: 'the log and /metrics; `converge reconcile history`',
    page: 'today',
    means: 'A run ended by an error of its scan: not all keys were compared',
    next: 'fix the scan, then `converge reconcile run <name> --now`',
  },
  {
    name: 'reconcile_paused',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'today',
    means: 'An operator paused a reconciler: it compares and repairs nothing',
    next: '`converge reconcile resume <name>`, when its cause is over; one that is not to run any more stays paused',
  },
  {
    name: 'reconcile_unknown',
    noun: 'reconciler',
    found: 'the log and /metrics; `converge reconcile history`',
    page: 'today',
    means: 'A part of the keys could not be read from one side: it is not known to agree',
    next: 'look at that side; the next run reads it again',
  },
  {
    name: 'reconcile_overdue',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'now',
    means:
      'The start of a schedule was not made for ten minutes: no process runs it, or the one that leads does not. Paused reconcilers are left out',
    next: 'start a process, `converge reconcile run`; not meant to run any more: `converge reconcile pause <name> --reason …`',
  },
  {
    name: 'reconcile_burst',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'today',
    means:
      'A reconciler repaired more than a hundred keys within ten minutes (its rule) or a window of its limits (home and doctor), and none was held: something wrote the mass of them',
    next: '`converge reconcile audit <name>` names what was repaired; find what wrote it, and `converge reconcile pause <name> --reason …` where the repairs are wrong',
  },
  {
    name: 'reconcile_unled',
    noun: 'reconciler',
    found: [reconcilers],
    page: 'log',
    means: 'No process runs a reconciler, and no start of it is overdue. In `converge doctor` alone',
    next: 'start a process: `converge reconcile run`',
  },
];
