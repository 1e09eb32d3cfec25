import type { JournalRow } from '@convergekit/saga/operate';
import type { BecauseOf, NarrativeEntry } from './narrative.ts';

type Decision = Extract<NarrativeEntry, { kind: 'decision' }>;

/** Formats a fence's decision: the change of the step, its reason, and the emitted event. The function is pure. */
export function decisionText(row: Decision): string {
  const emits =
    row.emittedEvent === null ? '' : `: emits ${row.emits?.type ?? 'an event'} ${row.emittedEvent}`;
  const by = row.actor === null ? '' : ` (operator ${row.actor}${row.note === null ? '' : `: ${row.note}`})`;
  return `${row.step} ${happened(row)}${cause(row)}${by}${emits}`;
}

function happened({ act, trigger, from, outcome, plan, op }: JournalRow): string {
  const why = outcome === null ? '' : ` (${outcome})`;
  switch (act) {
    case 'run':
      return `begins${planned(plan)}`;
    case 'emit_success':
      return 'has taken effect';
    case 'emit_failure':
      return failed(trigger, op) + (trigger === 'rejected' ? '' : why);
    case 'emit_undone':
      return noEffect(trigger, from);
    case 'undo':
      return trigger === 'undo' ? 'is to be undone' : 'has taken effect after all, and is undone at once';
    case 'wait':
      return waits(trigger, op) + (trigger === 'unknown' || trigger === 'stuck' ? why : '');
    case 'rejected_by_tombstone':
      return 'does not begin: it was cancelled before';
    case 'closed':
      return `will not begin: the saga is on its way back${why}`;
    case 'cancel_refused':
      return 'has taken effect already: the saga cannot be cancelled any more';
    case 'noop_already':
      return `stays ${from}`;
  }
}

function planned(plan: JournalRow['plan']): string {
  if (plan === null || plan.undo === null) return '';
  if (plan.because !== undefined) return ` (nothing to undo: ${plan.because})`;
  const after = plan.after ?? [];
  return ` (to be undone, if need be${after.length === 0 ? '' : `, after ${after.join(' and ')}`})`;
}

function failed(trigger: JournalRow['trigger'], op: JournalRow['op']): string {
  switch (trigger) {
    case 'rejected':
      return 'is refused';
    case 'applied_in_failure':
      return 'is given up although it took effect';
    case 'cancel':
      return op === 'deadline'
        ? 'is cancelled before it began: the saga is late'
        : 'is cancelled before it began';
    case 'emit_again':
      return 'does not begin: it was cancelled before, which this version is notified of now';
    default:
      return 'is given up without effect';
  }
}

function noEffect(trigger: JournalRow['trigger'], from: JournalRow['from']): string {
  if (trigger === 'undone') return from === 'undo_pending' ? 'is undone' : 'has no effect to undo';
  if (trigger !== 'undo') return 'turned out to have no effect, so there is nothing to undo';
  return from === 'absent' || from === 'tombstoned'
    ? 'had not begun, and never will'
    : 'has no effect to undo';
}

function waits(trigger: JournalRow['trigger'], op: JournalRow['op']): string {
  switch (trigger) {
    case 'retry':
      return 'is tried again';
    case 'unknown':
      return 'may have taken effect: its outcome is unknown yet';
    case 'stuck':
      return op === 'compensate' ? 'waits for an operator: its undo fails' : 'waits for an operator';
    case 'undo':
      return 'is to be undone once its outcome is known';
    case 'cancel':
      return 'is not cancelled before its outcome is known';
    case 'deadline':
      return 'is late: it is undone once its outcome is known';
    default:
      return `waits (${trigger})`;
  }
}

/**
 * Names the event that led to the decision, and the attempt behind that event. The outcome of the step's own effect has
 * no other cause than the step's begin.
 */
function cause({ act, trigger, because, causeEvent }: Decision): string {
  if (act === 'emit_success' || trigger === 'rejected' || trigger === 'undone') return '';
  const { event } = because;
  return `, because of ${event === undefined ? `event ${causeEvent}` : `${event.type} ${event.eventId}`}${attemptOf(because)}`;
}

function attemptOf({ attempt }: BecauseOf): string {
  return attempt === undefined ? '' : ` (attempt ${attempt.number} of ${attempt.consumer})`;
}
