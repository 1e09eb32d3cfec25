import { conditionOf, type ReconcilerStatus, type RunView } from '@convergekit/reconcile/operate';

/** The state of a reconciler in a few words. `status` undefined: its database has no row of it yet. */
export function stateText(status: ReconcilerStatus | undefined): string {
  return status === undefined ? 'never ran: no process runs it' : conditionOf(status).text;
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
