import { age, counter, duration, gauge } from './instrument-definition.ts';

/** The instruments of reconcilers. */
export const reconcileInstruments = {
  reconcileRuns: counter('converge.reconcile.runs', '{run}', 'Runs of a reconciler, by outcome'),
  reconcileRunDuration: duration('converge.reconcile.run.duration', 'One run of a reconciler'),
  reconcileVerdicts: counter('converge.reconcile.verdicts', '{key}', 'Looks at keys, by verdict and outcome'),
  reconcileRecovery: duration('converge.reconcile.recovery', 'From the first look at a drift to its repair'),
  reconcilePendingAge: age('converge.reconcile.pending.age', 'Age of the oldest drift not repaired yet'),
  reconcileHeld: gauge('converge.reconcile.held', '{reconciler}', '1 while repairs wait for an approval'),
  reconcileQueue: gauge('converge.reconcile.queue', '{key}', 'Keys that wait to be reconciled'),
  reconcileDigestRanges: counter(
    'converge.reconcile.digest.ranges',
    '{range}',
    'Ranges of keys that a digest scan compared, by mode and by outcome: equal, different, unknown',
  ),
  reconcileDigestRows: counter(
    'converge.reconcile.digest.rows',
    '{row}',
    'Rows that a digest scan hashed on the larger side, by mode: full, version, key, portable',
  ),
  reconcileDigestDuration: duration(
    'converge.reconcile.digest.duration',
    'One pass of a digest scan, by outcome: completed, unknown, interrupted',
  ),
  reconcileAge: age('converge.reconcile.age', 'Time since the last completed run'),
  reconcileNext: gauge(
    'converge.reconcile.next_run',
    's',
    'Time until the next scheduled run; negative: it is due',
  ),
  reconcilePaused: gauge('converge.reconcile.paused', '1', '1 while an operator has paused the reconciler'),
  reconcileMissed: counter(
    'converge.reconcile.missed',
    '{start}',
    'Scheduled starts that were not made: no process ran, or the run before took too long',
  ),
} as const;
