import type { Executor } from '@convergekit/postgres';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';
import { LEASE } from '../options.ts';

export interface HeldRecord {
  readonly topic: string;
  readonly heldAt: bigint;
  /** The reason of the hold, `CODE: detail`. */
  readonly heldReason: string;
  /** The number of events that may be missing in the log, from the first held window on. */
  readonly unsent: number;
}

// The count uses the xid index from the held window on. The topic has no index; an operator asks, once.
const heldSql = `
  select r.held_at::text as "heldAt", coalesce(r.held_reason, '') as "heldReason",
         (select count(*)::int from converge.outbox o
           where o.topic = r.topic and o.xid >= pg_snapshot_xmin(before.snapshot)
             and not pg_visible_in_snapshot(o.xid, before.snapshot)) as unsent
    from converge.relay_topic r join converge.tick before on before.number = r.held_at - 1
   where r.topic = $1`;

/** Reads the hold of a topic; undefined: it is not held. */
export async function readHeld(executor: Executor, topic: string): Promise<HeldRecord | undefined> {
  const { rows } = await executor.query<{ heldAt: string; heldReason: string; unsent: number }>(heldSql, [
    topic,
  ]);
  const row = rows[0];
  return row === undefined ? undefined : { topic, ...row, heldAt: BigInt(row.heldAt) };
}

// The lease's row is locked first, as in a takeover: an earlier takeover is seen, and a later one no longer finds the
// topic. A leader at work notices at its next check that the row is gone. A later event of the topic belongs to a new
// topic.
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
  select ${recordActSql('topics forget', {
    subject: 'held.topic',
    by: '$5',
    reason: '$4',
    before: `jsonb_build_object('unsent', $6::bigint, 'heldAt', held.held_at, 'heldReason', held.held_reason, 'cursors', cursors.all)`,
  })} from held, cursors`;

/**
 * Forgets a held topic, in the caller's transaction: retention no longer waits for it. What it was is in the audit. False:
 * its hold changed meanwhile.
 */
export async function forgetTopic(
  tx: Executor,
  held: HeldRecord,
  { by, reason }: Operator,
): Promise<boolean> {
  const { topic, heldAt, unsent } = held;
  const { rowCount } = await tx.query(forgetSql, [LEASE, topic, heldAt.toString(), reason, by, unsent]);
  if (rowCount !== 1) return false;
  for (const table of ['relay_cursor', 'relay_topic'])
    await tx.query(`delete from converge.${table} where topic = $1`, [topic]);
  return true;
}

/**
 * Lets the relay continue in the log of a recreated topic, after the acknowledged events. False: the topic is not held
 * for that reason. The act is in the audit of operators.
 */
export async function acceptRecreatedTopic(
  executor: Executor,
  topic: string,
  { by, reason }: Operator,
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `with accepted as (
       update converge.relay_topic set topic_id = null, made_again = true, disowned = '{}'
        where topic = $1 and held_reason like 'TOPIC_RECREATED:%' returning topic
     ), begun as (
       update converge.relay_cursor c set log_end = null from accepted where c.topic = accepted.topic returning 1
     )
     select ${recordActSql('topics accept', {
       subject: 'topic',
       by: '$2',
       reason: '$3',
       after: `'{"madeAgain": true}'`,
     })} from accepted where (select count(*) from begun) >= 0`,
    [topic, by, reason],
  );
  return rowCount === 1;
}
