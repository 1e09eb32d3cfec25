import { FAILURE_TYPE } from '@convergekit/contracts/engine';
import { formatMs, table } from '../frame/output.ts';
import { actText } from '../audit/act-text.ts';
import type { StoredAct, StoredRepair } from './act-sql.ts';
import type { Entry, History } from './history.ts';
import { GIVE_MORE } from './named-databases.ts';
import { givenText } from './not-given.ts';
import type { StoredCall, StoredEffect } from './effect-sql.ts';
import type { StoredAttempt, StoredEvent, StoredPark } from './attempt-sql.ts';

type In = { readonly database: string };

/** A history as text: what the event is, its rows, and where it stands at each consumer. */
export interface HistoryText {
  readonly head: string;
  /** An empty time or name is that of the row before. */
  readonly rows: readonly (readonly [when: string, who: string, what: string])[];
  readonly end: string;
  /** The databases that it was read from, and those that it names besides. */
  readonly given: readonly string[];
}

/** Renders a history in lines: when, who, what, why. Pure. */
export function renderHistory(history: History): readonly string[] {
  const { head, rows, end, given } = historyText(history, GIVE_MORE);
  return [head, '', ...table(rows), '', end, ...given];
}

/** Describes a history by its parts. `how`: the way to give more databases. Pure. */
export function historyText(history: History, how: string): HistoryText {
  const { eventId, emitted, entries } = history;
  const head =
    emitted === undefined
      ? `event ${eventId} (its outbox row is not in these databases, or not retained)`
      : `event ${eventId}: ${emitted.type}, key ${emitted.key}, topic ${emitted.topic}`;
  const start = entries.map(timeOf).find((time) => time !== undefined);
  const subject = { eventId, attempts: attemptNames(entries) };
  const rows = entries.flatMap((entry, at) => rowsOf(entry, subject, sinceText(entry, start, at === 0)));
  return { head, rows, end: endOf(entries, eventId), given: givenText(history, how) };
}

interface Subject {
  readonly eventId: string;
  /** The names of attempts in this text, by id. */
  readonly attempts: ReadonlyMap<string, string>;
}

function attemptNames(entries: readonly Entry[]): Subject['attempts'] {
  const attempts = entries.filter((entry) => entry.kind === 'attempt');
  return new Map(attempts.map(({ id, number, consumer }) => [id, `attempt ${number} of ${consumer}`]));
}

type Row = readonly [when: string, who: string, what: string];

function rowsOf(entry: Entry, subject: Subject, when: string): readonly Row[] {
  switch (entry.kind) {
    case 'emitted':
    case 'caused':
    case 'again':
      return [[when, entry.database, eventText(entry, subject)]];
    case 'delivery':
      return [['', entry.consumer, deliveryText(entry)]];
    case 'seen':
      return [[when, entry.consumer, 'recorded: an event of a foreign producer, by its id']];
    case 'attempt': {
      const wait = entry.wait === null ? [] : [['', '', `  ${waitText(entry.wait)}`] as const];
      return [[when, entry.consumer, attemptText(entry, cause(entry.causedBy, subject))], ...wait];
    }
    case 'parked':
      return [[when, entry.consumer, parkedText(entry)]];
    case 'act':
      return [[when, actPlace(entry), operatorText(entry)]];
    case 'repair':
      return [[when, entry.reconciler, repairText(entry)]];
    case 'effect':
      return [[when, entry.consumer, effectText(entry)]];
    case 'call': {
      const { wait } = entry;
      const said = wait === undefined ? [] : [['', '', `  ${waitText({ hintMs: null, ...wait })}`] as const];
      return [[when, entry.consumer, callText(entry)], ...said];
    }
  }
}

function eventText(event: StoredEvent, subject: Subject): string {
  const { eventId, type, topic, position, published } = event;
  const where =
    position === null
      ? 'no tick of the relay has it yet'
      : `${published ? 'published' : 'not published yet'}, position ${position.epoch}.${position.tick}.${position.id}`;
  if (eventId === subject.eventId) return `emitted to ${topic}: ${where}`;
  if (event.kind === 'again') return `emitted again by an operator as ${eventId}: ${where}`;
  if (type === FAILURE_TYPE)
    return `failure event ${eventId} to ${topic}${cause(event.attemptId, subject)}: ${where}`;
  return `${event.attemptId === null ? 'emitted in answer' : 'compensation emitted'}: ${type} ${eventId} to ${topic}${cause(event.attemptId, subject)}: ${where}`;
}

function cause(attemptId: string | null, { attempts }: Subject): string {
  return attemptId === null ? '' : `, because of ${attempts.get(attemptId) ?? `attempt ${attemptId}`}`;
}

function deliveryText({
  passed,
  halted,
}: {
  readonly passed: boolean;
  readonly halted: string | null;
}): string {
  if (passed)
    return 'passed it without a failed attempt: applied at once, or of a type that it does not handle';
  return halted === null ? 'has not read it yet' : `has not read it: its partition is halted (${halted})`;
}

/**
 * Formats an attempt: its number, its end, and the next step. `because`: the attempt that caused this attempt, in
 * words.
 */
export function attemptText(attempt: StoredAttempt, because = ''): string {
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

/** Where an act took place: at a consumer, where the audit names one. */
export function actPlace({ subjectKind, subject, before, database }: StoredAct & In): string {
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

function effectText({ effect, handler, state, stuckReason, awaitsQuota }: StoredEffect): string {
  const why = stuckReason ?? (awaitsQuota === null ? null : `waits for the quota ${awaitsQuota}`);
  const now = why === null ? state : `${state} (${why})`;
  return `effect ${effect} asked for by ${handler}: ${now} now`;
}

function callText({ effect, op, durationMs, failure, found }: StoredCall): string {
  const which = `${op} of effect ${effect}`;
  if (failure === undefined)
    return `${which}: ${found === undefined ? 'succeeded' : `found ${found}`} in ${duration(durationMs)}`;
  return `${which}: ${failedText(durationMs, failure)}`;
}

interface Failed {
  readonly category: string;
  readonly certainty: string;
  readonly code: string;
  readonly message: string;
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

interface TimedWait {
  readonly rule: string;
  readonly computedMs: number;
  readonly hintMs?: number | null | undefined;
  readonly capMs: number;
  readonly budgetLeft?: number | undefined;
}

/** Explains the length of a wait. */
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

/** The state of the event at each consumer, from the last thing that the consumer did. */
function endOf(entries: readonly Entry[], subject: string): string {
  const states = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === 'attempt' && entry.eventId === subject) states.set(entry.consumer, entry.outcome);
    if (entry.kind === 'parked' && entry.eventId === subject) states.set(entry.consumer, entry.state);
    if (entry.kind === 'delivery' && entry.eventId === subject)
      states.set(entry.consumer, entry.passed ? 'passed' : 'not yet');
  }
  if (states.size === 0) return 'no consumer in these databases knows of it; name theirs with --database';
  return `now: ${[...states].map(([consumer, state]) => `${consumer} ${state}`).join(', ')}`;
}

function timeOf(entry: Entry): number | undefined {
  return entry.kind === 'delivery' ? undefined : Date.parse(entry.at);
}

function sinceText(entry: Entry, start: number | undefined, first: boolean): string {
  const time = timeOf(entry);
  if (time === undefined || start === undefined) return '';
  return first ? new Date(time).toISOString() : `+${((time - start) / 1_000).toFixed(3)} s`;
}

/** Waits and attempts are compared with each other: below ten seconds tenths count. */
export function duration(ms: number): string {
  return ms >= 1_000 && ms < 10_000 ? `${Number((ms / 1_000).toFixed(1))} s` : formatMs(ms);
}
