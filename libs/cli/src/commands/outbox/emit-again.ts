import { versionOf, WIRE } from '@convergekit/contracts';
import type { AppendEvent } from '@convergekit/outbox/engine';
import { createOutbox } from '@convergekit/outbox';
import { type Database, withTransaction } from '@convergekit/postgres';
import { newUuidV7 } from '@convergekit/core';
import type { WholeEvent } from './events-sql.ts';

export interface Replay {
  readonly eventId: string;
  readonly replayOf: string;
}

/** A new event with the old one's content and headers. Pure. */
export function replayOf(event: WholeEvent, id: string): AppendEvent & { readonly id: string } {
  const { topic, key, type, payload } = event;
  const headers = JSON.parse(event.headers) as Record<string, string>;
  const version = versionOf(headers[WIRE.dataSchema]);
  return { id, topic, key, type, version, payload, headers: { ...headers, [WIRE.replayOf]: event.eventId } };
}

/** Writes events again, in their order, in one transaction: through the append, with the locks of their keys. */
export async function emitAgain(
  database: Database,
  events: readonly WholeEvent[],
): Promise<readonly Replay[]> {
  const outbox = createOutbox([]);
  // Made before the transaction: when it is rerun, the ids stay.
  const replays = events.map((event) => replayOf(event, newUuidV7()));
  await withTransaction(database, {}, (tx) => outbox.append(tx, replays));
  return replays.map(({ id }, at) => ({ eventId: id, replayOf: events[at]?.eventId ?? '' }));
}
