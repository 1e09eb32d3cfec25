import { attributeNames } from '../attributes.ts';
import { age, counter, duration, gauge, recovery } from '../instrument-definition.ts';

const { reconciler, outcome, verdict, digestMode, alarm } = attributeNames;

/** The instruments of reconcilers. */
export const reconcileInstruments = {
  reconcileRuns: counter(
    'converge.reconcile.runs',
    '{run}',
    [reconciler, outcome],
    'Runs of a reconciler, by outcome',
  ),
  reconcileRunDuration: duration('converge.reconcile.run.duration', [reconciler], 'One run of a reconciler'),
  reconcileVerdicts: counter(
    'converge.reconcile.verdicts',
    '{key}',
    [reconciler, verdict, outcome],
    'Looks at keys, by verdict and outcome',
  ),
  reconcileRecovery: recovery(
    'converge.reconcile.recovery',
    [reconciler],
    'From the first look at a drift to its repair',
  ),
  reconcilePendingAge: age(
    'converge.reconcile.pending.age',
    [reconciler],
    'Age of the oldest drift not repaired yet',
  ),
  reconcileHeld: gauge(
    'converge.reconcile.held',
    '{reconciler}',
    [reconciler],
    '1 while repairs wait for an approval',
  ),
  reconcileQueue: gauge('converge.reconcile.queue', '{key}', [reconciler], 'Keys that wait to be reconciled'),
  reconcileQueueAge: age(
    'converge.reconcile.queue.age',
    [reconciler],
    'Time since the key became due that has waited for longest; 0 when none is due',
  ),
  reconcileQueueWait: duration(
    'converge.reconcile.queue.wait',
    [reconciler],
    'From the time at which a key became due to its claim by a worker',
  ),
  reconcileDigestRanges: counter(
    'converge.reconcile.digest.ranges',
    '{range}',
    [reconciler, digestMode, outcome],
    'Ranges of keys that a digest scan compared, by mode and by outcome: equal, different, unknown',
  ),
  reconcileDigestRows: counter(
    'converge.reconcile.digest.rows',
    '{row}',
    [reconciler, digestMode],
    'Rows that a digest scan hashed on the larger side, by mode: full, version, key, portable',
  ),
  reconcileDigestDuration: duration(
    'converge.reconcile.digest.duration',
    [reconciler, digestMode, outcome],
    'One pass of a digest scan, by outcome: completed, unknown, interrupted',
  ),
  reconcileAge: age('converge.reconcile.age', [reconciler], 'Time since the last completed run'),
  reconcileNext: gauge(
    'converge.reconcile.next_run',
    's',
    [reconciler],
    'Time until the next scheduled run; negative: it is due',
  ),
  reconcilePaused: gauge(
    'converge.reconcile.paused',
    '1',
    [reconciler],
    '1 while an operator has paused the reconciler',
  ),
  reconcileMissed: counter(
    'converge.reconcile.missed',
    '{start}',
    [reconciler],
    'Scheduled starts that were not made: no process ran, or the run before took too long',
  ),
  scanFindings: gauge(
    'converge.scan.findings',
    '{finding}',
    [alarm],
    'What the scans of outboxes and journals found in the last round, by alarm',
  ),
} as const;
