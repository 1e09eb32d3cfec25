import { partitionOf } from '@convergekit/broker/engine';
import type { Scope } from './acts.ts';
import type { Recorded, StoredAttempt, StoredEvent, StoredPark } from './attempt-sql.ts';
import { type Chapter, momentsIn, type Passed } from './chapter.ts';
import type { Names } from './not-given.ts';

/** Names what a history is about, for the search of acts and repairs. Pure. */
export function scopeOf(
  eventId: string,
  chapters: readonly Chapter[],
  deliveries: readonly Passed[],
): Scope & { readonly keys: readonly string[] } {
  const all = chapters.flatMap(({ stored }) => stored);
  const tried = all.filter((one) => one.kind === 'attempt' || one.kind === 'parked');
  const asked = all.filter(isEvent).filter(({ kind }) => kind === 'emitted');
  const seen = all.filter((one) => one.kind === 'seen');
  const isOpen = deliveries.some(({ passed }) => !passed) || tried.some(isWaiting);
  const moments = momentsIn(chapters);
  return {
    own: [
      ...[eventId, ...[...asked, ...tried, ...seen].map((one) => one.eventId)].map((id) => ({
        kind: 'event' as const,
        id,
      })),
      ...all.flatMap((one) => (one.kind === 'call' ? [{ kind: 'call' as const, id: one.id }] : [])),
    ],
    shared: [
      ...[...tried, ...seen, ...deliveries].map(({ consumer }) => ({
        kind: 'consumer' as const,
        id: consumer,
      })),
      ...asked.flatMap(({ topic, source }) => [
        { kind: 'topic' as const, id: topic },
        { kind: 'source' as const, id: source },
      ]),
    ],
    places: new Set([
      ...tried.map(({ place }) => place.split(' ')[0] ?? ''),
      ...asked.flatMap(({ topic, key, partitions }) =>
        partitions === null ? [] : [`${topic}/${partitionOf(key, partitions)}`],
      ),
    ]),
    from: Math.min(...moments),
    until: isOpen ? Number.POSITIVE_INFINITY : Math.max(...moments),
    keys: [...new Set([...asked, ...tried].filter((one) => one.eventId === eventId).map(({ key }) => key))],
  };
}

function isEvent(one: Recorded): one is StoredEvent {
  return one.kind === 'emitted' || one.kind === 'caused' || one.kind === 'again';
}

function isWaiting(one: StoredAttempt | StoredPark): boolean {
  return one.kind === 'parked' && (one.state === 'waiting' || one.state === 'dead');
}

const FAILING = /^failure:([^:]+):/;

/** What a history names, to find the databases that were not given. Pure. */
export function namesIn(chapters: readonly Chapter[]): Names {
  const all = chapters.flatMap(({ stored }) => stored);
  const emitted = new Set(all.flatMap((one) => (one.kind === 'emitted' ? [one.eventId] : [])));
  const tried = all.filter((one) => one.kind === 'attempt' || one.kind === 'parked');
  return {
    withoutOrigin: tried.filter(({ eventId }) => !emitted.has(eventId)).map(({ consumer }) => consumer),
    consumers: tried.flatMap(({ handler }) => FAILING.exec(handler)?.[1] ?? []),
    topics: all.filter(isEvent).map(({ topic }) => topic),
    steps: [],
  };
}
