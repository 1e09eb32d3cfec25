import type { PlaceOffset } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import type { Identity } from '../log-check/judge.ts';
import type { RebasePlan } from './plan.ts';

export interface Phantom extends PlaceOffset {
  /** `phantom`: not in the outbox. `sent_again`: there, and sent once more in the new epoch. */
  readonly kind: 'phantom' | 'sent_again';
  readonly eventId: string;
  readonly position: string;
  readonly type: string;
  readonly key: string;
}

/** Reads the lowest tick of the range without a missing tick, up to the latest. Retention leaves holes below. */
export async function readLowestTick(executor: Executor): Promise<bigint> {
  const { rows } = await executor.query<{ lowest: string | null }>(
    `select max(number)::text as lowest
       from (select number, lag(number) over (order by number) as before from converge.tick) as t
      where before is null or number <> before + 1`,
  );
  return BigInt(rows[0]?.lowest ?? '0');
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Returns the events that the outbox has. The ids are hashed against one pass over the table: event ids have no index.
 */
export async function eventsInOutbox(
  executor: Executor,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const wanted = [...new Set(ids)].filter((id) => UUID.test(id));
  if (wanted.length === 0) return new Set();
  const { rows } = await executor.query<{ id: string }>(
    `select distinct event_id::text as id from converge.outbox
      where event_id in (select unnest($1::uuid[]))`,
    [wanted],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Locks the lease against a takeover until this transaction ends. Throws when the lease is lost. */
export async function requireLease(tx: Executor, lease: string, term: bigint): Promise<void> {
  const { rowCount } = await tx.query(
    'select from converge.lease where name = $1 and term = $2::bigint for share',
    [lease, term.toString()],
  );
  if (rowCount !== 1) throw new Error('another process took the lease: nothing was changed; begin again');
}

export async function writePhantoms(
  tx: Executor,
  epoch: number,
  phantoms: readonly Phantom[],
): Promise<void> {
  await tx.query(
    `insert into converge.phantom (epoch, topic, partition, log_offset, kind, event_id, position, type, key)
     select $1, * from unnest($2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])`,
    [
      epoch,
      phantoms.map(({ topic }) => topic),
      phantoms.map(({ partition }) => partition),
      phantoms.map(({ offset }) => offset.toString()),
      phantoms.map(({ kind }) => kind),
      phantoms.map(({ eventId }) => clean(eventId)),
      phantoms.map(({ position }) => position),
      phantoms.map(({ type }) => clean(type)),
      phantoms.map(({ key }) => clean(key)),
    ],
  );
}

/** Postgres cannot keep NUL in text. */
function clean(text: string): string {
  return text.replaceAll('\u0000', '\ufffd');
}

/**
 * Writes from where every partition continues. Windows of held topics are read again from the fork at the latest. The
 * marker may be unsigned, so the next leader records anew from where on signatures are expected.
 */
export async function writeCursors(
  tx: Executor,
  { doneTick, partitions }: RebasePlan,
  identity: Identity,
): Promise<void> {
  await tx.query(
    `update converge.relay_cursor as c
        set epoch = v.epoch, tick = v.tick, id = v.id, passed_tick = v.passed_tick, passed_id = v.passed_id, log_end = v.log_end,
            signed_by = null, signed_from = null
       from unnest($1::text[], $2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
            as v (topic, partition, epoch, tick, id, passed_tick, passed_id, log_end)
      where c.topic = v.topic and c.partition = v.partition`,
    [
      partitions.map(({ cursor }) => cursor.topic),
      partitions.map(({ cursor }) => cursor.partition),
      partitions.map(({ prev }) => prev.epoch),
      partitions.map(({ prev }) => prev.tick.toString()),
      partitions.map(({ prev }) => prev.id.toString()),
      partitions.map(({ passed }) => passed.tick.toString()),
      partitions.map(({ passed }) => passed.id.toString()),
      // The marker is the last record.
      partitions.map(({ end }) => (end + 1n).toString()),
    ],
  );
  await tx.query(
    `update converge.relay_source
        set done_tick = $1::bigint, system_identifier = $2, database_oid = $3::oid, next_xid = $4::xid8`,
    [
      doneTick.toString(),
      identity.system ?? null,
      identity.database ?? null,
      identity.nextXid?.toString() ?? null,
    ],
  );
  await tx.query(
    `update converge.relay_topic set topic_id = null, made_again = false,
            held_at = case when held_at is null then null else least(held_at, $1::bigint + 1) end`,
    [doneTick.toString()],
  );
}
