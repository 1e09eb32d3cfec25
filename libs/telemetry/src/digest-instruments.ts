import { counter, duration } from './instrument-definition.ts';

/** The instruments of digest scans. */
export const digestInstruments = {
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
} as const;
