import type { Executor } from '@converge/postgres';

export interface ForeignEvent {
  readonly identity: Buffer;
  readonly payloadHash: Buffer;
  readonly eventId: string;
}

// In the order of the identities, so that two partitions with the same events wait for each other without deadlock.
const insertSql = `
  insert into converge.inbox_foreign (consumer, identity, payload_hash, event_id)
  select $1, f.identity, f.payload_hash, f.event_id
    from unnest($2::bytea[], $3::bytea[], $4::text[]) as f(identity, payload_hash, event_id) order by f.identity
  on conflict (consumer, identity) do nothing
  returning identity`;
const readSql = `
  select identity, payload_hash from converge.inbox_foreign where consumer = $1 and identity = any($2::bytea[])`;

/** Records the events, which must have distinct identities; gives the payload hash on record of those known before. */
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
