import type { InstanceDetail, SagaRecords } from '@convergekit/saga/operate';
import type { StoredAct, StoredRepair } from '../history/act-sql.ts';
import type { Recorded } from '../history/attempt-sql.ts';
import { momentsIn, type Passed } from '../history/chapter.ts';
import { namesIn, scopeOf } from '../history/scope.ts';
import type { Names } from '../history/not-given.ts';

/** The facts of a database about an instance and its events, under the name of its source. */
export interface NarrativeChapter {
  readonly database: string;
  readonly saga: SagaRecords;
  readonly stored: readonly Recorded[];
  /** Acts of operators, and repairs of the saga's key. */
  readonly acts: readonly (StoredAct | StoredRepair)[];
  /** The instance as an observer recorded it, if this database has one. */
  readonly observed?: InstanceDetail | undefined;
}

type Read = Omit<NarrativeChapter, 'acts'>;

/** Steps in these states have not ended. */
const OPEN: ReadonlySet<string> = new Set(['started', 'unknown', 'undo_pending', 'stuck']);

/** Names what a narrative is about, for the search of acts and repairs. Pure. */
export function sagaScope(instance: string, chapters: readonly Read[], deliveries: readonly Passed[]) {
  const events = scopeOf(instance, chapters, deliveries);
  const fences = chapters.flatMap(({ saga }) => saga.fences);
  const observed = chapters.flatMap((chapter) => chapter.observed ?? []);
  const [name] = [...observed, ...fences].map(({ saga }) => saga);
  const decided = chapters.flatMap(({ saga: { journal } }) => journal.map(({ at }) => Date.parse(at)));
  const moments = [...momentsIn(chapters), ...decided];
  const isOpen =
    events.until === Number.POSITIVE_INFINITY ||
    (observed.length > 0
      ? observed.some(({ endedAt }) => endedAt === null)
      : fences.length === 0 ||
        fences.some(({ state, stuckSince }) => OPEN.has(state) || stuckSince !== null));
  return {
    ...events,
    own: [...events.own, { kind: 'saga' as const, id: instance }],
    shared: [
      ...events.shared,
      ...(name === undefined ? [] : [{ kind: 'saga' as const, id: name }]),
      ...fences.map(({ consumer }) => ({ kind: 'consumer' as const, id: consumer })),
    ],
    from: Math.min(...moments),
    until: isOpen ? Number.POSITIVE_INFINITY : Math.max(...moments),
    keys: [...new Set([...events.keys, ...[...observed, ...fences].map(({ key }) => key)])],
  };
}

/** What a narrative names, to find the databases that were not given. Pure. */
export function namesOf(chapters: readonly Read[]): Names {
  const names = namesIn(chapters);
  const journal = chapters.flatMap(({ saga }) => saga.journal);
  const emitted = new Set(
    chapters.flatMap(({ stored }) =>
      stored.flatMap((one) => (one.kind === 'emitted' || one.kind === 'caused' ? [one.eventId] : [])),
    ),
  );
  const begun = new Set(chapters.flatMap(({ saga: { fences } }) => fences.map(({ step }) => step)));
  const observed = chapters.flatMap(({ observed: one }) => Object.keys(one?.facts.steps ?? {}));
  const unknown = journal.filter(({ causeEvent }) => !emitted.has(causeEvent));
  return {
    ...names,
    withoutOrigin: [...names.withoutOrigin, ...unknown.flatMap(({ consumer }) => consumer ?? [])],
    steps: observed.filter((step) => !begun.has(step)),
  };
}
