import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { Flight, Place } from './wait.ts';

/** How far the events of some keys have come, in the database that emits them. */
export type Frontier =
  /** Nothing can be said: no relay in this database, or it is a copy or a standby. */
  | { readonly state: 'unknown'; readonly why: string }
  | { readonly state: 'halted'; readonly partition: number | null; readonly why: string }
  | { readonly state: 'not_ticked'; readonly partition: number | null }
  | { readonly state: 'ticked'; readonly partition: number | null; readonly flight: Flight }
  | { readonly state: 'sent'; readonly partition: number | null; readonly flight: SentFlight };

/** A flight whose events are all in the log. */
export interface SentFlight extends Flight {
  readonly upTo: readonly Place[];
}

interface Answer {
  readonly state: Frontier['state'];
  readonly detail?: string;
  readonly partition?: number | null;
  readonly source?: string;
  readonly epoch?: number;
  readonly tick?: string;
  readonly snapshot?: string;
  readonly up_to?: readonly Place[];
}

/** SQLSTATEs of a database without the functions: no such function, schema or table. */
export const ABSENT: readonly string[] = ['42883', '3F000', '42P01'];

const frontierSql = `select converge.frontier($1, $2::text[], $3::bigint) as answer`;

/** Asks how far the events of keys have come. `before`: a flight whose events may have been sent meanwhile. */
export async function readFrontier(
  source: Executor,
  { topic, keys, before }: { topic: string; keys: readonly string[]; before: Flight | null },
): Promise<Frontier> {
  try {
    const found = await ask(source, topic, keys, before?.tick ?? null);
    if (before === null || !('flight' in found)) return found;
    const { source: id, epoch } = found.flight;
    // Ticks of another epoch may be others.
    if (id !== before.source || epoch !== before.epoch) return await ask(source, topic, keys, null);
    return withSnapshot(found, before.snapshot);
  } catch (error) {
    if (!ABSENT.includes(sqlState(error) ?? '')) throw error;
    const why = 'the database of desired has no relay (converge.frontier): run `converge migrate` there';
    return { state: 'unknown', why };
  }
}

/** The answer for a tick that was named before holds for the snapshot of that time. */
function withSnapshot(
  found: Extract<Frontier, { flight: Flight }>,
  snapshot: string,
): Extract<Frontier, { flight: Flight }> {
  return found.state === 'sent'
    ? { ...found, flight: { ...found.flight, snapshot } }
    : { ...found, flight: { ...found.flight, snapshot } };
}

async function ask(
  source: Executor,
  topic: string,
  keys: readonly string[],
  covers: string | null,
): Promise<Frontier> {
  const { rows } = await source.query<{ answer: Answer }>(frontierSql, [topic, keys, covers]);
  const answer = rows[0]?.answer ?? { state: 'unknown' as const };
  const { state, detail: why = '', partition = null } = answer;
  const { source: id = '', epoch = 0, tick = '', snapshot = '', up_to: upTo = [] } = answer;
  switch (state) {
    case 'unknown':
      return { state, why };
    case 'halted':
      return { state, partition, why };
    case 'not_ticked':
      return { state, partition };
    case 'ticked':
      return { state, partition, flight: { source: id, epoch, tick, snapshot, upTo: null } };
    case 'sent':
      return { state, partition, flight: { source: id, epoch, tick, snapshot, upTo } };
  }
}

const sinceSql = `
  select converge.events_since($1, $2::text[], $3::pg_snapshot, $4::uuid, $5::int, $6::bigint) as events`;

/** `behind`: the database lacks events that the consumer has handled. `unknown`: nothing can be said. */
type Since = 'none' | 'some' | 'behind' | 'unknown';

/** Asks whether events of the keys were emitted since the flight. `reached`: a tick whose events were handled. */
export async function eventsSince(
  source: Executor,
  { topic, keys, flight, reached }: SinceRequest,
): Promise<Since> {
  const { snapshot, source: id, epoch } = flight;
  const values = [topic, keys, snapshot, id, epoch, reached];
  return (await source.query<{ events: Since }>(sinceSql, values)).rows[0]?.events ?? 'unknown';
}

interface SinceRequest {
  readonly topic: string;
  readonly keys: readonly string[];
  readonly flight: SentFlight;
  readonly reached: string | null;
}
