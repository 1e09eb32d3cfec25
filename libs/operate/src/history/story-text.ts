import { formatMs, table } from '../text.ts';
import { actText } from '../audit/act-text.ts';
import type { StoredAct, StoredRepair } from './act-sql.ts';
import type { Failed, StoredAttempt, StoredPark, TimedWait } from './attempt-sql.ts';

type In = { readonly database: string };

/** A row of the story of an event or a saga. An empty time or name is that of the row before. */
export type Row = readonly [when: string, who: string, what: string];

interface StoryText {
  readonly head: string;
  readonly rows: readonly Row[];
  /** How it stands now. */
  readonly end: readonly string[];
  /** The databases that it was read from, and those that it names besides. */
  readonly given: readonly string[];
}

/** Renders a story in lines (pure). */
export function storyLines({ head, rows, end, given }: StoryText): readonly string[] {
  return [head, '', ...table(rows), '', ...end, ...given];
}

/**
 * Formats an attempt: its number, its end, and the next step. `because`: the attempt that caused this attempt, in
 * words.
 */
function attemptText(attempt: StoredAttempt, because = ''): string {
  const { handler, number, run, phase, durationMs, outcome, failure, at, parkedAt } = attempt;
  const which = `${phase === 'apply' ? '' : `${phase}, `}attempt ${number}${run === 0 ? '' : ` of run ${run}`} of ${handler}`;
  if (failure === null) {
    const line =
      parkedAt === null
        ? ''
        : ` by a drain, after ${duration(Date.parse(at) - Date.parse(parkedAt))} in line`;
    return `${which}: ${outcome} in ${duration(durationMs)}${line}${because}`;
  }
  return `${which}: ${failedText(durationMs, failure)}${because}; ${followed(outcome)}`;
}

/** Formats an attempt of a handler, and the wait after it. */
export function attemptRows(attempt: StoredAttempt, when: string, because = ''): readonly Row[] {
  return [[when, attempt.consumer, attemptText(attempt, because)], ...waitRows(attempt.wait)];
}

/** Formats an act of an operator, or a repair. */
export function actRow(entry: (StoredAct | StoredRepair) & In, when: string): Row {
  return entry.kind === 'act'
    ? [when, actPlace(entry), operatorText(entry)]
    : [when, entry.reconciler, repairText(entry)];
}

/** Where an act took place: at a consumer, where the audit names one. */
function actPlace({ subjectKind, subject, before, database }: StoredAct & In): string {
  const { consumer } = before;
  if (typeof consumer === 'string') return consumer;
  return subjectKind === 'consumer' || subjectKind === 'reconciler' ? subject : database;
}

export function operatorText(act: StoredAct): string {
  return `operator ${act.by}: ${actText(act)} (${act.reason})`;
}

export function repairText({ verdict, key, why, cause }: StoredRepair): string {
  return verdict === 'repaired'
    ? `repaired key ${key}: ${why} (cause: ${cause})`
    : `did not repair key ${key}, ${verdict}: ${why} (cause: ${cause})`;
}

export function failedText(durationMs: number, { category, certainty, code, message }: Failed): string {
  return `failed after ${duration(durationMs)} with ${code} (${category}, ${certainty}) ${JSON.stringify(message.slice(0, 200))}`;
}

function followed(outcome: string): string {
  const words: Readonly<Record<string, string>> = {
    retry: 'tried again',
    rerun: 'run again, which is no attempt',
    pause: 'nothing was called; its partition paused',
    park: 'its key was parked',
    dead: 'given up as a dead letter',
    reject: 'rejected, its key continues',
    stop: 'the consumer stopped',
  };
  return words[outcome] ?? outcome;
}

/** Explains the length of a wait, below what it follows. */
export function waitRows(wait: TimedWait | null | undefined): readonly Row[] {
  return wait == null ? [] : [['', '', `  ${waitText(wait)}`]];
}

export function waitText({ rule, computedMs, hintMs, capMs, budgetLeft }: TimedWait): string {
  const asked = hintMs == null ? '' : `, asked for ${duration(hintMs)}`;
  const budget =
    budgetLeft === undefined ? '' : `, ${Math.round(budgetLeft * 100)} % of the retry budget left`;
  return `waited ${duration(computedMs)}: ${rule}, at most ${duration(capMs)}${asked}${budget}`;
}

export function parkedText({ state, ahead, nextAt, note, changedAt, run }: StoredPark): string {
  const by = note === null ? '' : ` (${note})`;
  const again = run === 0 ? '' : `, run ${run}`;
  switch (state) {
    case 'waiting':
      return `parked${again}: ${ahead === 0 ? `first of its key, next try ${nextAt ?? 'unknown'}` : `behind ${ahead} of its key`}${by}`;
    case 'dead':
      return `dead letter${again}, since ${changedAt}${by}`;
    default:
      return `${state}${again} at ${changedAt}${by}`;
  }
}

/** Dates the first row, and says of the others how long after it they were. */
export function sinceText(time: number | undefined, start: number | undefined, first: boolean): string {
  if (time === undefined || start === undefined) return '';
  return first ? new Date(time).toISOString() : `+${((time - start) / 1_000).toFixed(3)} s`;
}

/** Waits and attempts are compared with each other: below ten seconds tenths count. */
export function duration(ms: number): string {
  return ms >= 1_000 && ms < 10_000 ? `${Number((ms / 1_000).toFixed(1))} s` : formatMs(ms);
}
