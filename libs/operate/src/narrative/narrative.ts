import type { FenceView, InstanceDetail, JournalRow, StepWorkView } from '@convergekit/saga/operate';
import type { Passed } from '../history/chapter.ts';
import { namesOf, type NarrativeChapter } from './scope.ts';
import { timeOfId } from '../history/window.ts';
import type { StoredAct, StoredRepair } from '../history/act-sql.ts';
import { type Given, notGiven, type NotGiven } from '../history/not-given.ts';
import type { Recorded, StoredAttempt, StoredEvent, StoredPark } from '../history/attempt-sql.ts';

/** The event and the attempt that led to a decision. */
export interface BecauseOf {
  readonly event: StoredEvent | undefined;
  readonly attempt: StoredAttempt | undefined;
}

type In = { readonly database: string };
export type NarrativeEntry = In &
  (
    | (StoredEvent & { readonly kind: 'emitted' | 'caused' | 'again' })
    | StoredAttempt
    | StoredPark
    | StoredAct
    | StoredRepair
    | (JournalRow & { readonly emits: StoredEvent | undefined; readonly because: BecauseOf })
    | StepWorkView
    | (StepWorkView['story'][number] & {
        readonly kind: 'work_attempt';
        readonly step: string;
        readonly of: StepWorkView['op'];
        readonly number: number;
      })
  );

/** The history of a saga: who did what and why, in the order of the facts. */
export interface Narrative {
  readonly saga: string | undefined;
  readonly version: number | undefined;
  readonly instance: string;
  readonly key: string | undefined;
  /** The state according to an observer; absent where no database has an observer. */
  readonly state: InstanceDetail['state'] | undefined;
  readonly reason: string | undefined;
  readonly steps: readonly FenceView[];
  readonly entries: readonly NarrativeEntry[];
  /** Consumers that have not read an emitted event yet. */
  readonly waiting: readonly Passed[];
  /** The databases that were given, by the names of their sources. */
  readonly readFrom: readonly string[];
  /** Databases that the saga names and that were not given. */
  readonly notGiven: readonly NotGiven[];
}

/** The events that the chapters name, to ask for next. */
export function eventsOf(
  instance: string,
  chapters: readonly Pick<NarrativeChapter, 'saga'>[],
): readonly string[] {
  const named = chapters.flatMap(({ saga: { journal, work } }) => [
    ...journal.flatMap(({ causeEvent, emittedEvent }) => [causeEvent, emittedEvent]),
    ...work.map(({ causeEvent }) => causeEvent),
  ]);
  return [...new Set([instance, ...named.filter((id) => id !== null)])];
}

/**
 * The moments at which the saga, or one of its events, may have emitted something, for the search of outboxes (pure). Other
 * attempts are left out: a call that is retried for hours would make the search one of hours.
 */
export function emittingMoments(
  instance: string,
  chapters: readonly Pick<NarrativeChapter, 'saga' | 'observed'>[],
  stored: readonly Recorded[],
): readonly number[] {
  const texts = chapters.flatMap(({ saga: { journal }, observed }) => [
    ...journal.map(({ at }) => at),
    ...factsOf(observed).flatMap((fact) => fact?.at ?? []),
  ]);
  const ofEvents = stored.flatMap((one) => {
    if (one.kind === 'parked') return [Date.parse(one.changedAt)];
    if (one.kind !== 'attempt') return [Date.parse(one.at)];
    const isLast = one.outcome === 'dead' || one.outcome === 'reject';
    return isLast ? [Date.parse(one.at) + one.durationMs] : [];
  });
  return [...[timeOfId(instance) ?? []].flat(), ...texts.map((at) => Date.parse(at)), ...ofEvents];
}

function factsOf(observed: InstanceDetail | undefined) {
  const { start, steps = {} } = observed?.facts ?? {};
  return [
    start,
    ...Object.values(steps).flatMap(({ success, failure, undone }) => [success, failure, undone]),
  ];
}

/** Joins what several databases hold into one narrative. Pure. */
export function narrate(
  instance: string,
  chapters: readonly NarrativeChapter[],
  deliveries: readonly Passed[],
  given: readonly Given[],
): Narrative {
  const stored = chapters.flatMap(({ database, stored: own }) => own.map((one) => ({ ...one, database })));
  const events = new Map<string, StoredEvent & In>();
  for (const one of stored)
    if (one.kind === 'emitted' || (one.kind === 'caused' && !events.has(one.eventId)))
      events.set(one.eventId, one);
  const attempts = new Map(stored.flatMap((one) => (one.kind === 'attempt' ? [[one.id, one] as const] : [])));
  const decisions = chapters.flatMap(({ database, saga: { journal } }) =>
    journal.map((row) => ({
      ...row,
      database,
      emits: events.get(row.emittedEvent ?? ''),
      because: { event: events.get(row.causeEvent), attempt: attempts.get(row.causeAttempt ?? '') },
    })),
  );
  const emitted = new Set(decisions.flatMap(({ emittedEvent }) => emittedEvent ?? []));
  const facts: readonly NarrativeEntry[] = [
    ...decisions,
    ...[...events.values()].filter(({ eventId }) => !emitted.has(eventId)),
    ...once(stored.flatMap((one) => (one.kind === 'again' ? [one] : []))),
    ...[...attempts.values()].filter(addsToDecision).map((one) => one as StoredAttempt & In),
    ...once(stored.flatMap((one) => (one.kind === 'parked' && one.state === 'waiting' ? [one] : []))),
    ...chapters.flatMap(({ database, acts }) => acts.map((one) => ({ ...one, database }))),
  ];
  const placed: readonly Placed[] = [
    ...facts.map((entry) => ({ entry, at: placeOf(entry) })),
    ...chapters.flatMap(({ database, saga: { work } }) =>
      work.flatMap((one) => workEntries(sinceItsEvent(one, events), database)),
    ),
  ];
  const observed = chapters.find((chapter) => chapter.observed !== undefined)?.observed;
  const steps = chapters.flatMap(({ saga: { fences } }) => fences);
  const [first] = steps;
  return {
    saga: observed?.saga ?? first?.saga,
    version: observed?.version ?? first?.version,
    instance,
    key: observed?.key ?? first?.key,
    state: observed?.state,
    reason: observed?.reason ?? undefined,
    steps: steps.toSorted((a, b) => begunAt(a, decisions) - begunAt(b, decisions)),
    entries: placed
      .toSorted((a, b) => a.at - b.at || rankOf(a.entry) - rankOf(b.entry))
      .map(({ entry }) => entry),
    waiting: deliveries.filter(({ passed }) => !passed),
    readFrom: given.map(({ database }) => database),
    notGiven: notGiven(namesOf(chapters), given),
  };
}

/** An entry with its place in the order, in microseconds. */
interface Placed {
  readonly entry: NarrativeEntry;
  readonly at: number;
}

/**
 * Lists a work item, and each attempt of a worker or act of an operator. None of them precedes its work, as the worker's clock
 * may say: it counts milliseconds, and the database microseconds.
 */
function workEntries(work: StepWorkView, database: string): readonly Placed[] {
  const { step, op } = work;
  const begun = microsOf(work.at);
  const attempts = work.story.map((attempt, at) => ({
    ...attempt,
    kind: 'work_attempt' as const,
    database,
    step,
    of: op,
    number: work.story.slice(0, at + 1).filter((one) => one.op === attempt.op).length,
  }));
  return [
    { entry: { ...work, database }, at: begun },
    ...attempts.map((entry) => ({ entry, at: Math.max(begun, placeOf(entry)) })),
  ];
}

/** True when an attempt adds to the decision of its fence: a failure or a wait. */
function addsToDecision({ failure, wait }: StoredAttempt): boolean {
  return failure !== null || wait !== null;
}

function once<T extends { readonly eventId: string } & In>(all: readonly T[]): readonly T[] {
  const name = ({ database, eventId }: T): string => `${database} ${eventId}`;
  return [...new Map(all.map((one) => [name(one), one])).values()];
}

function begunAt({ step }: FenceView, decisions: readonly JournalRow[]): number {
  const first = decisions.find((row) => row.step === step && row.seq === 1);
  return first === undefined ? Number.MAX_SAFE_INTEGER : microsOf(first.at);
}

/** Dates a timer of the saga from its start event, whichever service read that first. */
function sinceItsEvent(work: StepWorkView, events: ReadonlyMap<string, StoredEvent>): StepWorkView {
  const began = work.op === 'deadline' ? events.get(work.causeEvent) : undefined;
  return began === undefined ? work : { ...work, at: began.at };
}

/** Places a call at its end. */
function placeOf(entry: NarrativeEntry): number {
  const lasted = entry.kind === 'work_attempt' && entry.op !== 'operator' ? entry.durationMs * 1_000 : 0;
  return microsOf(entry.at) + lasted;
}

/** Parses microseconds, whose order matters: rows of one transaction are closer than a millisecond. */
function microsOf(at: string): number {
  const fraction = /\.(\d{1,6})/.exec(at)?.[1] ?? '';
  const seconds = Date.parse(at.replace(/\.\d+/, ''));
  return seconds * 1_000 + Number(fraction.padEnd(6, '0'));
}

/** Ranks entries of the same instant: a request precedes its answer. */
function rankOf({ kind }: NarrativeEntry): number {
  return [
    'emitted',
    'caused',
    'again',
    'attempt',
    'parked',
    'act',
    'repair',
    'decision',
    'work',
    'work_attempt',
  ].indexOf(kind);
}
