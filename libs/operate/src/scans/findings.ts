/** The alarms of the scans. */
export const scanAlarms = ['events_stalled', 'events_lost', 'journal_overdue', 'reconcile_overdue'] as const;

/** Something that a scan found. It is reported when it appears, and when it is gone. */
export interface ScanFinding {
  readonly alarm: (typeof scanAlarms)[number];
  /** Identifies the condition from round to round. */
  readonly id: string;
  /** The fields of the log line. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What it means, and the next command. */
  readonly text: string;
}

/** The conditions of two rounds, compared (pure). */
export function changesOf(
  before: ReadonlyMap<string, ScanFinding>,
  now: readonly ScanFinding[],
): { readonly raised: readonly ScanFinding[]; readonly cleared: readonly ScanFinding[] } {
  const present = new Set(now.map(({ id }) => id));
  return {
    raised: now.filter(({ id }) => !before.has(id)),
    cleared: [...before.values()].filter(({ id }) => !present.has(id)),
  };
}
