import type { Executor } from '@convergekit/postgres';
import { LEASE } from './options.ts';

export interface HeldRecord {
  readonly topic: string;
  readonly heldAt: bigint;
  /** `CODE: detail` */
  readonly heldReason: string;
  /** Events that may be missing in the log: those of the first held window and later ones. */
  readonly unsent: number;
}

// By the xid index from the held window on. The topic has no index; an operator asks, once.
const heldSql = `
  select r.held_at::text as "heldAt", coalesce(r.held_reason, '') as "heldReason",
         (select count(*)::int from converge.outbox o
           where o.topic = r.topic and o.xid >= pg_snapshot_xmin(before.snapshot)
             and not pg_visible_in_snapshot(o.xid, before.snapshot)) as unsent
    from converge.relay_topic r join converge.tick before on before.number = r.held_at - 1
   where r.topic = $1`;

/** undefined: the relay has not written that this topic is held. */
export async function readHeld(executor: Executor, topic: string): Promise<HeldRecord | undefined> {
  const { rows } = await executor.query<{ heldAt: string; heldReason: string; unsent: number }>(heldSql, [
    topic,
  ]);
  const row = rows[0];
  return row === undefined ? undefined : { topic, ...row, heldAt: BigInt(row.heldAt) };
}

// The lease's row first, as a takeover does: it comes before us, or it waits and no longer finds the topic. A leader at
// work finds at its next look that the row is gone. A later event of the topic is met as that of a new one.
const forgetSql = `
  with lease as materialized (select from converge.lease where name = $1 for share),
  held as materialized (
    select t.topic, t.held_at, t.held_reason from converge.relay_topic t
     where t.topic = $2 and t.held_at = $3::bigint and (select count(*) from lease) >= 0 for update
  ),
  cursors as materialized (
    select coalesce(jsonb_agg(jsonb_build_object('partition', c.partition, 'position',
                    c.epoch || '.' || c.tick || '.' || c.id) order by c.partition), '[]') as all
      from converge.relay_cursor c join held using (topic)
  )
  insert into converge.relay_forgotten (topic, reason, operator, held_at, held_reason, unsent, cursors)
  select held.topic, $4, $5, held.held_at, coalesce(held.held_reason, ''), $6::bigint, cursors.all from held, cursors`;

/** Forgets a held topic, in the caller's transaction: retention waits for it no longer. False: its hold changed meanwhile. */
export async function forgetTopic(
  tx: Executor,
  held: HeldRecord,
  { reason, operator }: { readonly reason: string; readonly operator: string },
): Promise<boolean> {
  const { topic, heldAt, unsent } = held;
  const { rowCount } = await tx.query(forgetSql, [LEASE, topic, heldAt.toString(), reason, operator, unsent]);
  if (rowCount !== 1) return false;
  for (const table of ['relay_accept', 'relay_cursor', 'relay_topic'])
    await tx.query(`delete from converge.${table} where topic = $1`, [topic]);
  return true;
}

// By the xid index from the held window on; it ends at the first row that it finds.
const missesSql = `
  select exists (
    select from converge.outbox o, converge.tick before, converge.tick done
     where before.number = $2::bigint - 1 and done.number = $3::bigint and o.topic = $1
       and o.xid >= pg_snapshot_xmin(before.snapshot)
       and not pg_visible_in_snapshot(o.xid, before.snapshot) and pg_visible_in_snapshot(o.xid, done.snapshot)
  ) as some`;

/** Whether windows from `heldAt` to `doneTick` hold events of a topic. */
export async function missesSome(
  executor: Executor,
  { topic, heldAt, doneTick }: { readonly topic: string; readonly heldAt: bigint; readonly doneTick: bigint },
): Promise<boolean> {
  const { rows } = await executor.query<{ some: boolean }>(missesSql, [
    topic,
    heldAt.toString(),
    doneTick.toString(),
  ]);
  return rows[0]?.some ?? true;
}

/**
 * Moves the hold of a topic behind window `read`, up to which it missed nothing, and no further than done_tick as it is
 * saved: cursors up to that are saved, too. undefined: it stands there, another relay took over, or the topic was forgotten.
 */
export async function advanceHold(
  executor: Executor,
  term: bigint,
  { topic, read }: { readonly topic: string; readonly read: bigint },
): Promise<bigint | undefined> {
  const { rows } = await executor.query<{ held: string }>(
    `update converge.relay_topic t set held_at = least(s.done_tick, $3::bigint) + 1 from converge.relay_source s
      where t.topic = $2 and t.term = $1::bigint and s.term = $1::bigint and t.held_at <= least(s.done_tick, $3::bigint)
      returning t.held_at::text as held`,
    [term.toString(), topic, read.toString()],
  );
  return rows[0] === undefined ? undefined : BigInt(rows[0].held);
}

/** What an operator may change of topics while a leader holds them. */
export interface TopicOnRecord {
  readonly topic: string;
  readonly topicId: string | undefined;
  readonly partitions: number | undefined;
  readonly madeAgain: boolean;
}

export async function readTopicsOnRecord(
  executor: Executor,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicOnRecord>> {
  const { rows } = await executor.query<{
    topic: string;
    topic_id: string | null;
    partitions: number | null;
    made_again: boolean;
  }>(
    'select topic, topic_id, partitions, made_again from converge.relay_topic where topic = any ($1::text[])',
    [topics],
  );
  return new Map(
    rows.map((row) => [
      row.topic,
      {
        topic: row.topic,
        topicId: row.topic_id ?? undefined,
        partitions: row.partitions ?? undefined,
        madeAgain: row.made_again,
      },
    ]),
  );
}

/** Keeps the broker's id of a topic, unless another relay took over. */
export async function saveTopicId(
  executor: Executor,
  term: bigint,
  topic: string,
  topicId: string,
): Promise<void> {
  await executor.query(
    'update converge.relay_topic set topic_id = $3 where topic = $2 and term = $1::bigint and topic_id is distinct from $3',
    [term.toString(), topic, topicId],
  );
}

/**
 * Lets the relay go on in the log of a topic that was made again, behind what was acknowledged in the old one. False:
 * the topic is not held for that.
 */
export async function acceptMadeAgain(executor: Executor, topic: string): Promise<boolean> {
  const { rowCount } = await executor.query(
    `with accepted as (
       update converge.relay_topic set topic_id = null, made_again = true
        where topic = $1 and held_reason like 'TOPIC_RECREATED:%' returning topic
     ), begun as (
       update converge.relay_cursor c set log_end = null from accepted where c.topic = accepted.topic returning 1
     )
     select from accepted where (select count(*) from begun) >= 0`,
    [topic],
  );
  return rowCount === 1;
}
