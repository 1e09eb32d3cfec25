import { type Gap, putFill } from '@convergekit/inbox/operate';
import { type Database, withTransaction } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import type { MissingEvent } from '@convergekit/relay/operate';

/** A gap, and the events in it, as the outbox of their source keeps them. */
export interface Fill {
  readonly gap: Gap;
  readonly events: readonly MissingEvent[];
}

/** Rows of one statement: payloads are up to 900 KB each. */
const BATCH = 100;

/** Puts the events of a gap into the database of its consumer, with the audit row. Returns how many it did not have. */
export function fillGap(
  database: Database,
  { gap, events }: Fill,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<number> {
  return withTransaction(database, {}, async (tx) => {
    let put = 0;
    for (let at = 0; at < events.length; at += BATCH)
      put += await putFill(tx, gap, events.slice(at, at + BATCH));
    const { consumer, topic, partition } = gap;
    await recordAct(tx, {
      act: 'consumers fill',
      subject: consumer,
      by,
      reason,
      before: { topic, partition },
      after: { events: put },
    });
    return put;
  });
}
