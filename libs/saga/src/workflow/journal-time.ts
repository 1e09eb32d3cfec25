/** The time of a journal at an entry, and what the clocks said then. Milliseconds since 1970. */
export interface JournalTime {
  readonly ms: number;
  readonly databaseMs: number;
  /** The clock of the worker that wrote the entry; undefined where the entry does not say it. */
  readonly workerMs: number | undefined;
}

/**
 * Computes the time of a journal by both clocks: it passes no faster than the slower of them. One alone may jump while a call is on
 * its way, that of the database at a failover, and "not found" would count as final too early. Pure.
 */
export function timeAfter(
  before: JournalTime | undefined,
  { databaseMs, workerMs }: Omit<JournalTime, 'ms'>,
): JournalTime {
  if (before === undefined) return { ms: databaseMs, databaseMs, workerMs };
  const byDatabase = databaseMs - before.databaseMs;
  const byWorkers =
    workerMs === undefined || before.workerMs === undefined ? byDatabase : workerMs - before.workerMs;
  return { ms: before.ms + Math.max(0, Math.min(byDatabase, byWorkers)), databaseMs, workerMs };
}
