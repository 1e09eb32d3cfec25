import { KIT_TYPES } from '@convergekit/contracts/engine';
import type { Recorded, StoredEvent } from './attempt-sql.ts';
import type { Chapter, Passed } from './chapter.ts';
import { type Given, notGiven, type NotGiven } from './not-given.ts';
import { namesIn } from './scope.ts';

export type Entry = (Recorded & { readonly database: string }) | Passed;

/** Everything that is known of one event, in the order in which it happened. */
export interface History {
  readonly eventId: string;
  /** The event's own outbox row, while retained. */
  readonly emitted: (StoredEvent & { readonly database: string }) | undefined;
  readonly entries: readonly Entry[];
  /** The databases that were given, by the names of their sources. */
  readonly readFrom: readonly string[];
  /** Databases that the history names and that were not given. */
  readonly notGiven: readonly NotGiven[];
}

/** Returns the failure events of these events, which are read next: their compensations are part of the history. */
export function failuresIn(chapters: readonly Chapter[]): readonly string[] {
  const ids = chapters.flatMap(({ stored }) =>
    stored.flatMap((one) => {
      if (one.kind === 'parked') return one.failureEvent === null ? [] : [one.failureEvent];
      return one.kind === 'caused' && one.type === KIT_TYPES.failure ? [one.eventId] : [];
    }),
  );
  return [...new Set(ids)];
}

/** Joins what several databases hold into one history. Deliveries follow the event that was delivered. Pure. */
export function historyOf(
  eventId: string,
  chapters: readonly Chapter[],
  deliveries: readonly Passed[],
  given: readonly Given[],
): History {
  const seen = new Set<string>();
  const stored = chapters
    .flatMap(({ database, stored }) => stored.map((one) => ({ ...one, database })))
    .filter((one) => once(seen, one))
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const attempted = new Set(
    stored.flatMap((one) =>
      one.kind === 'attempt' || one.kind === 'parked' ? [`${one.consumer} ${one.eventId}`] : [],
    ),
  );
  const unheard = deliveries.filter((one) => !attempted.has(`${one.consumer} ${one.eventId}`));
  const entries = stored.flatMap((one): readonly Entry[] =>
    one.kind === 'emitted' || one.kind === 'caused'
      ? [one, ...unheard.filter((delivery) => delivery.eventId === one.eventId)]
      : [one],
  );
  const emitted = stored.find((one) => one.kind === 'emitted' && one.eventId === eventId);
  return {
    eventId,
    entries,
    emitted: emitted?.kind === 'emitted' ? emitted : undefined,
    readFrom: given.map(({ database }) => database),
    notGiven: notGiven(namesIn(chapters), given),
  };
}

/** True at first sight: a failure event is `caused` in one round and `emitted` in the next, and is shown once. */
function once(seen: Set<string>, one: Recorded & { readonly database: string }): boolean {
  const name = nameOf(one);
  if (seen.has(name)) return false;
  seen.add(name);
  return true;
}

function nameOf(one: Recorded & { readonly database: string }): string {
  switch (one.kind) {
    case 'emitted':
    case 'caused':
    case 'again':
      return `${one.database} event ${one.eventId}`;
    case 'attempt':
      return `attempt ${one.id}`;
    case 'call':
      return `call ${one.id}`;
    case 'call_attempt':
      return `${one.kind} ${one.id} ${one.number}`;
    case 'act':
    case 'repair':
      return `${one.database} ${one.kind} ${one.id}`;
    case 'parked':
    case 'seen':
      return `${one.database} ${one.kind} ${one.consumer} ${one.eventId}`;
  }
}
