import type { Reconciler } from '@convergekit/reconcile';
import { conditionOf, nextRun, type ReconcilerStatus, type RunView } from '@convergekit/reconcile/operate';

/** The state of a reconciler in a few words. `status` undefined: its database has no row of it yet. */
export function stateText(status: ReconcilerStatus | undefined): string {
  return status === undefined ? 'never ran: no process runs it' : conditionOf(status).text;
}

/** The next start of a reconciler by its schedule; null while it is paused. */
export function nextOf(schedule: Reconciler['schedule'], status: ReconcilerStatus | undefined): Date | null {
  return status?.paused == null ? nextRun(schedule, status?.now ?? new Date()) : null;
}

/** Counts by outcome: `3 in_sync, 1 repaired`. */
export function outcomesText(outcomes: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}

/** What a run stands for besides itself, and why it ended. */
export function notesText({ missed, overrun, resumed, unknown, reason }: RunView): string {
  return [
    ...(missed > 0 ? [`${missed} starts missed`] : []),
    ...(overrun > 0 ? [`${overrun} during the run before`] : []),
    ...(resumed > 0 ? [`continued ${resumed} times`] : []),
    ...(unknown > 0 ? [`${unknown} chunks unknown`] : []),
    ...(reason === null ? [] : [reason]),
  ].join('; ');
}
