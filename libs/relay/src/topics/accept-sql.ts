import { START } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';
import type { Fence } from '../leader/takeover-sql.ts';
import { LEASE } from '../options.ts';

/** Asks for another count. Repeating it changes nothing; false: the topic is not held. */
export async function requestAcceptance(
  executor: Executor,
  topic: string,
  partitions: number,
): Promise<boolean> {
  const { rowCount } = await executor.query(
    'update converge.relay_topic set wanted = $2::int where topic = $1 and held_at is not null',
    [topic, partitions],
  );
  return rowCount === 1;
}

/**
 * The leader's answer: the latest tick there is. The topic is held since before, so nothing of a later window was ever
 * sent. Fenced by the lease, like the hold: a leader that comes later finds both. undefined: deposed, or withdrawn.
 */
export async function setDrain(
  executor: Executor,
  { lease, term }: Fence,
  topic: string,
): Promise<bigint | undefined> {
  const { rows } = await executor.query<{ drain_to: string }>(
    `update converge.relay_topic as t
        set drain_to = coalesce(t.drain_to, (select max(number) from converge.tick))
       from (select from converge.lease where name = $1 and term = $2::bigint for share) as mine
      where t.topic = $3 and t.wanted is not null returning t.drain_to::text`,
    [lease, term.toString(), topic],
  );
  const row = rows[0];
  return row === undefined ? undefined : BigInt(row.drain_to);
}

export async function withdrawAcceptance(executor: Executor, topic: string): Promise<void> {
  await executor.query(
    'update converge.relay_topic set wanted = null, drain_to = null where topic = $1 and wanted is not null',
    [topic],
  );
}

// The lease's row is locked first, as in a takeover: an earlier takeover's term is seen here, and a later one finds the
// new rows. The rows get the term of a leader at work, so that it can save them.
const recordSql = `
  with lease as (select term from converge.lease where name = $1 for share),
  accepted as materialized (
    select partitions as before from converge.relay_topic
     where topic = $2 and wanted = $3::int and partitions < $3::int and held_at > drain_to for update
  ),
  changed as (
    update converge.relay_topic set partitions = $3::int, wanted = null, drain_to = null
     where topic = $2 and exists (select from accepted) returning 1
  ),
  recorded as (
    select ${recordActSql('topics accept', {
      subject: '$2',
      by: '$7',
      reason: '$8',
      before: `jsonb_build_object('partitions', before)`,
      after: `jsonb_build_object('partitions', $3::int)`,
    })} from accepted where exists (select from changed)
  )
  insert into converge.relay_cursor (topic, partition, epoch, tick, id, term)
  select $2, partition, $4::int, $5::bigint, $6::bigint, lease.term
    from accepted, lease, generate_series(accepted.before, $3::int - 1) as partition
   where exists (select from changed) and exists (select from recorded)`;

/** Records the new count, its new cursor rows and who accepted it. False: not drained, or withdrawn. */
export async function recordAcceptance(
  executor: Executor,
  topic: string,
  partitions: number,
  { by, reason }: Operator,
): Promise<boolean> {
  const { rowCount } = await executor.query(recordSql, [
    LEASE,
    topic,
    partitions,
    START.epoch,
    START.tick.toString(),
    START.id.toString(),
    by,
    reason,
  ]);
  return rowCount > 0;
}
