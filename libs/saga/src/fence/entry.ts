import type { WorkOp } from '../calls/work/step-key.ts';
import type { EndedWork } from '../calls/work/work.ts';
import type { Decided, FenceChange, FenceWrite } from './decision-sql.ts';
import type { FenceRow } from './fence-sql.ts';
import type { FenceTrigger } from './fence.ts';

/** The work that a decision ends, as its entry keeps it, without what the entry says anyway. */
export interface KeptWork
  extends Pick<EndedWork, 'at' | 'story'>, Partial<Pick<EndedWork, 'event' | 'state'>> {
  readonly op?: WorkOp;
}

function keptWork({ ended, op, causeEvent }: FenceChange): KeptWork | undefined {
  if (ended === undefined) return undefined;
  const { at, story, event, state } = ended;
  return {
    at,
    story,
    ...(ended.op === null || ended.op === op ? {} : { op: ended.op }),
    ...(event === causeEvent ? {} : { event }),
    ...(state === 'done' ? {} : { state }),
  };
}

/**
 * Returns the entry of a decision in the journal, without its time: see `restOf`. It leaves out what the row or the entry
 * before says: the view `saga_step` has it. `row`: before the decision; undefined: there was none. Pure.
 */
export function entryOf(
  { change, decided: { from, state, act, emitted } }: Pick<FenceWrite, 'change' | 'decided'>,
  row?: Pick<FenceRow, 'version' | 'said'>,
): string {
  const { version, op, trigger, outcome, plan, causeEvent, causeAttempt, actor, note } = change;
  const before = row === undefined ? 'absent' : row.said ? from : undefined;
  return restOf({
    version: row === undefined || version === row.version ? undefined : version,
    op: op === 'apply' ? undefined : op,
    trigger,
    from: from === before ? undefined : from,
    to: state,
    act,
    outcome,
    plan,
    cause: causeEvent,
    attempt: causeAttempt,
    emitted,
    actor,
    note,
    work: keptWork(change),
  });
}

/** Returns the entry of the outcome of a step that ended where it began: the entry before has its cause. Pure. */
export function endEntryOf(
  { trigger, outcome }: Pick<FenceChange, 'outcome'> & { readonly trigger: FenceTrigger },
  { state, act, emitted }: Omit<Decided, 'from'>,
): string {
  return restOf({ trigger, to: state, act, outcome, emitted });
}

/**
 * Returns an object as JSON without its opening brace: the statement writes the time first. Postgres stores a NUL and half of
 * a surrogate pair in JSON, and fails to read them: the view could not be read any more.
 */
function restOf(entry: object): string {
  const text = JSON.stringify(entry);
  const kept = UNREADABLE.test(text) ? JSON.stringify(entry, readable) : text;
  return kept.slice(1);
}

const UNREADABLE = /\\u(?:0000|d[89a-f])/;

function readable(_: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\u0000', '\ufffd').toWellFormed() : value;
}
