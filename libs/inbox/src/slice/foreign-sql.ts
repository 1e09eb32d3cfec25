import type { Executor } from '@convergekit/postgres';

export interface ForeignEvent {
  readonly identity: Buffer;
  readonly payloadHash: Buffer;
  readonly eventId: string;
}

/**
 * Inserts in the order of the identities, so that two partitions with the same events wait for each other without deadlock.
 * `on conflict` names no index: a second unique index of a slot would fail the slice instead of making it wait.
 * The unique index does not hold across slots. The lock that this statement takes on the table until the commit does: another
 * slot becomes current only after it (`foreign-slot-sql.ts`), and the statement's snapshot is taken after the lock. One index
 * look-up per slot.
 */
const insertSql = `
  insert into converge.inbox_foreign_seen (slot, consumer, identity, payload_hash, event_id)
  select c.slot, $1, f.identity, f.payload_hash, f.event_id
    from (select slot from converge.inbox_foreign_slot order by began_at desc limit 1) c,
         unnest($2::bytea[], $3::bytea[], $4::text[]) as f(identity, payload_hash, event_id)
   where not exists (select from converge.inbox_foreign_seen s where s.consumer = $1 and s.identity = f.identity)
   order by f.identity
  on conflict do nothing
  returning identity`;
const readSql = `
  select identity, payload_hash from converge.inbox_foreign_seen where consumer = $1 and identity = any($2::bytea[])`;

/** Records events with distinct identities. Returns the recorded payload hash of those known before. */
export async function recordForeign(
  tx: Executor,
  consumer: string,
  events: readonly ForeignEvent[],
): Promise<ReadonlyMap<string, Buffer>> {
  const { rows } = await tx.query<{ identity: Buffer }>(insertSql, [
    consumer,
    events.map(({ identity }) => identity),
    events.map(({ payloadHash }) => payloadHash),
    events.map(({ eventId }) => eventId),
  ]);
  const added = new Set(rows.map(({ identity }) => identity.toString('hex')));
  const known = events.map(({ identity }) => identity).filter((one) => !added.has(one.toString('hex')));
  if (known.length === 0) return new Map();
  const found = await tx.query<{ identity: Buffer; payload_hash: Buffer }>(readSql, [consumer, known]);
  return new Map(found.rows.map((row) => [row.identity.toString('hex'), row.payload_hash]));
}
