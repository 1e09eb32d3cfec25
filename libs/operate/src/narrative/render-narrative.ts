import { KIT_TYPES } from '@convergekit/contracts/engine';
import { GIVE_MORE } from '../history/deliveries.ts';
import { givenText } from '../history/not-given.ts';
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
} from '../history/story-text.ts';
import type { StoredEvent } from '../history/attempt-sql.ts';
import { decisionText } from './decision-text.ts';
import type { Narrative, NarrativeEntry } from './narrative.ts';

/** Renders a narrative in lines: when, who, what, why. Pure. */
export function renderNarrative(narrative: Narrative, how = GIVE_MORE): readonly string[] {
  const { saga = 'unknown', version, instance, key, state, reason, entries } = narrative;
  const name = version === undefined ? saga : `${saga} v${version}`;
  const about = key === undefined ? '' : `, key ${key}`;
  const stands = state === undefined ? '' : `: ${state}${reason === undefined ? '' : `, ${reason}`}`;
  const times = entries.map(({ at }) => Date.parse(at));
  return storyLines({
    head: `saga ${name}, instance ${instance}${about}${stands}`,
    rows: entries.flatMap((entry, at) => rowsOf(entry, sinceText(times[at], times[0], at === 0))),
    end: endOf(narrative),
    given: givenText(narrative, how),
  });
}

/** Says what an entry of a narrative is. Pure. */
export function entryText(entry: NarrativeEntry): string {
  const [row] = rowsOf(entry, '');
  return row?.[2] ?? '';
}

function rowsOf(entry: NarrativeEntry, when: string): readonly Row[] {
  switch (entry.kind) {
    case 'decision':
      return [[when, entry.consumer ?? entry.database, decisionText(entry)]];
    case 'emitted':
    case 'caused':
    case 'again':
      return [[when, entry.database, eventText(entry)]];
    case 'attempt':
      return attemptRows(entry, when);
    case 'parked':
      return [[when, entry.consumer, `${nameOf(entry.handler)} ${parkedText(entry)}`]];
    case 'act':
    case 'repair':
      return [actRow(entry, when)];
    case 'work':
      return [[when, entry.consumer, workText(entry)]];
    case 'work_attempt':
      return workRows(entry, when);
  }
}

function eventText({ kind, type, topic, eventId }: StoredEvent): string {
  if (kind === 'again') return `emitted again by an operator as ${eventId}`;
  const what = type === KIT_TYPES.failure ? 'failure event' : type;
  return `${what} ${eventId} to ${topic}`;
}

function workText({
  step,
  op,
  state,
  stuckReason,
  awaitsQuota,
  dueAt,
  endedAt,
  at,
}: Extract<NarrativeEntry, { kind: 'work' }>): string {
  const stuck =
    stuckReason !== null
      ? `; it waits for an operator: ${stuckReason}`
      : awaitsQuota === null
        ? ''
        : `; it waits for the quota ${awaitsQuota}, which has no call left`;
  switch (op) {
    case 'apply':
      return `${step}: its call is intended, outside the transaction${stuck}`;
    case 'compensate':
      return `${step}: its undo is intended, for as long as it takes${stuck}`;
    case 'resolve':
      return `${step}: its outcome is queried${stuck}`;
    case 'cancel':
      return `${step}: whether it can still be cancelled is checked again${stuck}`;
    case 'deadline':
    case 'expire': {
      const left = Math.max(0, Date.parse(dueAt) - Date.parse(at));
      // A withdrawn timer ended before it was due.
      const isOver = state === 'done' && endedAt !== null && Date.parse(endedAt) >= Date.parse(dueAt);
      return `${step}: ${timers[op]} ${isOver ? 'is over' : `ends in ${duration(left)}`}${stuck}`;
    }
  }
}

const timers = {
  deadline: 'the time of the saga',
  expire: 'the time of the step',
} as const;

function workRows(entry: Extract<NarrativeEntry, { kind: 'work_attempt' }>, when: string): readonly Row[] {
  const { step, of } = entry;
  // The act is in the audit.
  if (entry.op === 'operator') return [];
  const what = `${of} of ${step}, ${entry.op} ${entry.number}`;
  const { durationMs, failure, found, wait } = entry;
  const ended =
    failure === undefined ? `${found ?? 'done'} in ${duration(durationMs)}` : failedText(durationMs, failure);
  return [[when, 'saga worker', `${what}: ${ended}`], ...waitRows(wait)];
}

function nameOf(handler: string): string {
  return handler.replace(/^saga:/, '');
}

/** The state of each step, and the events that the saga waits for. */
function endOf({ steps, waiting, entries }: Narrative): readonly string[] {
  if (steps.length === 0 && entries.length === 0)
    return ['no step in these databases knows of it; name theirs with --database'];
  const stands = steps.map(({ step, state }) => `${step} ${state}`).join(', ');
  const stuck = steps.flatMap(({ step, stuckSince, reason, reasonCode }) =>
    stuckSince === null
      ? []
      : [`${step} waits for an operator: ${reason ?? reasonCode ?? 'its outcome is unknown'}`],
  );
  const unread = waiting.map(
    ({ consumer, eventId, halted }) =>
      `${consumer} has not read ${eventId}${halted === null ? '' : `: its partition is halted (${halted})`}`,
  );
  return [`now: ${stands === '' ? 'no step has begun in these databases' : stands}`, ...stuck, ...unread];
}
