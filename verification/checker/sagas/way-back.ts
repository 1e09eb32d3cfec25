import { nameOf, type Run } from './ends.ts';
import type { Anomaly, EventRow, JournalRow } from './facts.ts';

/** Acts that report that a step has no effect (any more). */
const WAY_BACK = new Set(['emit_failure', 'emit_undone']);

/**
 * Finds undos out of strict reverse order. The cause of a step's undo must be the failure or undo event of the step behind
 * it (or the step's own dead letter), and must come first. A step that never began is closed by the failure of a step before
 * it: that is no undo.
 */
export function findUndoOrder(runs: readonly Run[], journal: readonly JournalRow[]): readonly Anomaly[] {
  const byRun = Map.groupBy(journal, ({ saga, instance }) => `${saga} ${instance}`);
  return runs.flatMap((run): Anomaly[] => {
    const rows = byRun.get(nameOf(run)) ?? [];
    const place = new Map(run.shape.steps.map(({ name }, index) => [name, index]));
    const emitted = new Map(
      rows.flatMap((row) =>
        row.emittedEvent !== null && WAY_BACK.has(row.act) ? [[row.emittedEvent, row] as const] : [],
      ),
    );
    return rows
      .filter(({ op }) => op === 'compensate')
      .flatMap((row): Anomaly[] => {
        const cause = emitted.get(row.causeEvent);
        const own = place.get(row.step) ?? -1;
        const wrong = (why: string): Anomaly => ({
          kind: 'undo_order',
          witness: `${nameOf(run)}: decision ${row.seq} of step ${row.step} (${row.act}) ${why}`,
        });
        if (cause === undefined)
          return [wrong(`was not asked for by a failure or an undo of its saga, but by ${row.causeEvent}`)];
        const from = place.get(cause.step) ?? -1;
        if (row.act === 'closed')
          return from < own ? [] : [wrong(`was closed by step ${cause.step}, which is not before it`)];
        if (from !== own + 1 && cause.step !== row.step)
          return [wrong(`was asked for by step ${cause.step}, which is not the one behind it`)];
        return cause.atMs <= row.atMs
          ? []
          : [wrong(`came ${row.atMs - cause.atMs} ms before what asked for it`)];
      });
  });
}

/** Finds decisions whose cause was never written. */
export function findOrphans(journal: readonly JournalRow[], events: readonly EventRow[]): readonly Anomaly[] {
  const written = new Set(events.map(({ eventId }) => eventId));
  return journal
    .filter(({ causeEvent }) => !written.has(causeEvent))
    .map(({ saga, instance, step, seq, op, causeEvent }) => ({
      kind: 'orphan',
      witness: `decision ${seq} (${op}) of step ${step} of ${saga} ${instance} was caused by ${causeEvent}, which was never written`,
    }));
}
