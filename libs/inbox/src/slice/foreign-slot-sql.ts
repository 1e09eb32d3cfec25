import type { Executor } from '@convergekit/postgres';

/** The tables of the slots, by number. */
const TABLES = [
  'converge.inbox_foreign',
  'converge.inbox_foreign_1',
  'converge.inbox_foreign_2',
  'converge.inbox_foreign_3',
] as const;

// The four slots are each current for a third of the retention or longer. When the oldest is emptied, its last row is
// old enough. The second condition guarantees that in every case: a longer retention, a member that did not look.
const dueSql = `
  select c.slot as current, o.slot as oldest
    from (select slot, began_at from converge.inbox_foreign_slot order by began_at desc limit 1) c
    join converge.inbox_foreign_slot o on o.slot = (c.slot + 1) % 4
    join converge.inbox_foreign_slot a on a.slot = (c.slot + 2) % 4
    cross join (select max(keep_foreign_ms) * interval '1 millisecond' as keep from converge.inbox_consumer) k
   where c.began_at <= clock_timestamp() - k.keep / 3 and a.began_at <= clock_timestamp() - k.keep
     and exists (select from converge.inbox_foreign_seen)`;

/** Slots whose age allows a rotation. */
export interface SlotsDue {
  readonly current: number;
  readonly oldest: number;
}

export async function readSlotsDue(executor: Executor): Promise<SlotsDue | undefined> {
  return (await executor.query<{ current: number; oldest: number }>(dueSql)).rows[0];
}

/** A partition's offset when a slot ceased to be current: the slot's rows belong to records below. */
export interface Below {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string | null;
  readonly offset: bigint;
}

const belowSql = `
  select consumer, topic, partition, topic_id as "topicId", next_offset::text as offset
    from converge.inbox_foreign_below where slot = $1 order by topic, partition, consumer`;

export async function readBelow(executor: Executor, slot: number): Promise<readonly Below[]> {
  const { rows } = await executor.query<Omit<Below, 'offset'> & { offset: string }>(belowSql, [slot]);
  return rows.map((row) => ({ ...row, offset: BigInt(row.offset) }));
}

const keepBelowSql = `
  insert into converge.inbox_foreign_below (slot, consumer, topic, partition, topic_id, next_offset)
  select $1, p.consumer, p.topic, p.partition, p.topic_id, p.next_offset from converge.inbox_partition p
   where exists (select from converge.inbox_foreign_seen s where s.consumer = p.consumer and s.slot = $1)`;

/**
 * Empties the oldest slot and makes it current. Lock and TRUNCATE wait for every slice that wrote a row, and the next
 * slices wait for this commit: so a slice that writes into the new slot sees all rows of the others. Two members that
 * read before they lock would deadlock. False: another member emptied the slot already.
 */
export async function pruneSlot(tx: Executor, { current, oldest }: SlotsDue): Promise<boolean> {
  await tx.query(`set local lock_timeout = '2s'`);
  await tx.query('lock table converge.inbox_foreign_seen in share row exclusive mode');
  if ((await readSlotsDue(tx))?.oldest !== oldest) return false;
  await tx.query(`truncate ${TABLES[oldest] ?? ''}`);
  await tx.query('delete from converge.inbox_foreign_below where slot = $1', [oldest]);
  await tx.query(keepBelowSql, [current]);
  await tx.query('update converge.inbox_foreign_slot set began_at = clock_timestamp() where slot = $1', [
    oldest,
  ]);
  return true;
}

const keepSql = `
  update converge.inbox_consumer set keep_foreign_ms = $2::bigint where name = $1 and keep_foreign_ms <> $2::bigint`;

/** Sets the retention for all members. The longest of all consumers in this database counts, since they share the slots. */
export async function setKeepForeign(tx: Executor, consumer: string, keepMs: number): Promise<void> {
  await tx.query(keepSql, [consumer, keepMs]);
}
