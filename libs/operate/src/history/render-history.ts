import { KIT_TYPES } from '@convergekit/contracts/engine';
import type { Entry, History } from './history.ts';
import { GIVE_MORE } from './deliveries.ts';
import { givenText } from './not-given.ts';
import type { StoredCall, StoredCallAttempt } from './calls.ts';
import type { StoredEvent } from './attempt-sql.ts';
import {
  actRow,
  attemptRows,
  duration,
  failedText,
  parkedText,
  type Row,
  sinceText,
  storyLines,
  waitRows,
} from './story-text.ts';

/** A history as text: what the event is, its rows, and where it stands at each consumer. */
interface HistoryText {
  readonly head: string;
  readonly rows: readonly Row[];
  readonly end: string;
  /** The databases that it was read from, and those that it names besides. */
  readonly given: readonly string[];
}

/** Renders a history in lines: when, who, what, why. Pure. */
export function renderHistory(history: History): readonly string[] {
  const { end, ...text } = historyText(history, GIVE_MORE);
  return storyLines({ ...text, end: [end] });
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
  const rows = entries.flatMap((entry, at) =>
    rowsOf(entry, subject, sinceText(timeOf(entry), start, at === 0)),
  );
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
    case 'attempt':
      return attemptRows(entry, when, cause(entry.causedBy, subject));
    case 'parked':
      return [[when, entry.consumer, parkedText(entry)]];
    case 'act':
    case 'repair':
      return [actRow(entry, when)];
    case 'call':
      return [[when, entry.consumer, callText(entry)]];
    case 'call_attempt':
      return [[when, entry.consumer, attemptText(entry)], ...waitRows(entry.wait)];
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
  if (type === KIT_TYPES.failure)
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

function callText({ call, handler, state, stuckReason, awaitsQuota }: StoredCall): string {
  const why = stuckReason ?? (awaitsQuota === null ? null : `waits for the quota ${awaitsQuota}`);
  const now = why === null ? state : `${state} (${why})`;
  return `call ${call} requested by ${handler}: ${now} now`;
}

function attemptText({ call, op, durationMs, failure, found }: StoredCallAttempt): string {
  const which = `${op} of ${call}`;
  if (failure === undefined)
    return `${which}: ${found === undefined ? 'succeeded' : `found ${found}`} in ${duration(durationMs)}`;
  return `${which}: ${failedText(durationMs, failure)}`;
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
