import { START } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import {
  type Fence,
  topicColumns,
  topicOf,
  type TopicRecord,
  type TopicRow,
} from '../leader/takeover-sql.ts';

// The lease is read FOR SHARE: a takeover in progress is awaited and then seen. A later one waits for this transaction
// and finds these rows. No cursor row can therefore appear with an old term after a takeover.
const registerSql = `
  with mine as (select term from converge.lease where name = $1 and term = $2::bigint for share),
  recorded as (
    insert into converge.relay_topic (topic, partitions, term) select $3, $4::int, term from mine
    on conflict (topic) do update set partitions = excluded.partitions where relay_topic.partitions is null
  ),
  begun as (
    insert into converge.relay_cursor (topic, partition, epoch, tick, id, term)
    select $3, partition, $5::int, $6::bigint, $7::bigint, mine.term from mine, generate_series(0, $4::int - 1) as partition
    on conflict do nothing
  )
  select from mine`;

/** Records a topic's partition count and makes its cursor rows. False: deposed. */
export async function registerTopic(
  executor: Executor,
  { lease, term }: Fence,
  topic: string,
  partitions: number,
): Promise<boolean> {
  const start = [START.epoch, START.tick.toString(), START.id.toString()];
  const { rowCount } = await executor.query(registerSql, [
    lease,
    term.toString(),
    topic,
    partitions,
    ...start,
  ]);
  return rowCount === 1;
}

/**
 * Writes that a topic is held from window `heldAt` on; an earlier hold stays. Must commit before done_tick passes that
 * window.
 */
export async function holdTopic(
  executor: Executor,
  { lease, term }: Fence,
  hold: { readonly topic: string; readonly heldAt: bigint; readonly reason: string },
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `insert into converge.relay_topic (topic, held_at, held_reason, term)
     select $3, $4::bigint, $5, term
       from (select term from converge.lease where name = $1 and term = $2::bigint for share) as mine
     on conflict (topic) do update set held_at = least(relay_topic.held_at, excluded.held_at), held_reason = excluded.held_reason
       where relay_topic.term = excluded.term`,
    [lease, term.toString(), hold.topic, hold.heldAt.toString(), hold.reason],
  );
  return rowCount === 1;
}

/** Saves how far held topics were caught up; undefined: it flows. Only after the cursors were saved. */
export async function saveHolds(
  executor: Executor,
  term: bigint,
  held: readonly { readonly topic: string; readonly heldAt: bigint | undefined }[],
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `update converge.relay_topic as t
        set held_at = v.held_at, held_reason = case when v.held_at is null then null else t.held_reason end
       from unnest($2::text[], $3::bigint[]) as v (topic, held_at)
      where t.topic = v.topic and t.term = $1::bigint`,
    [term.toString(), held.map(({ topic }) => topic), held.map(({ heldAt }) => heldAt?.toString() ?? null)],
  );
  return rowCount === held.length;
}

// The search uses the xid index from the held window on, and ends at the first row.
const missesSql = `
  select exists (
    select from converge.outbox o, converge.tick before, converge.tick done
     where before.number = $2::bigint - 1 and done.number = $3::bigint and o.topic = $1
       and o.xid >= pg_snapshot_xmin(before.snapshot)
       and not pg_visible_in_snapshot(o.xid, before.snapshot) and pg_visible_in_snapshot(o.xid, done.snapshot)
  ) as some`;

/** Returns whether windows from `heldAt` to `doneTick` hold events of a topic. */
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
 * Moves the hold of a topic behind window `read`, up to which the topic missed nothing. The hold stays at or below the
 * saved done_tick, up to which cursors are saved, too. undefined: it is there already, another relay took over, or the
 * topic was forgotten.
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

/** Reads topics by name; those that the relay does not know are left out. */
export async function readTopics(
  executor: Executor,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicRecord>> {
  const { rows } = await executor.query<TopicRow>(
    `select ${topicColumns} from converge.relay_topic where topic = any ($1::text[])`,
    [topics],
  );
  return new Map(rows.map((row) => [row.topic, topicOf(row)]));
}

/** Reads one topic; undefined: the relay does not know it. */
export async function readTopic(executor: Executor, topic: string): Promise<TopicRecord | undefined> {
  return (await readTopics(executor, [topic])).get(topic);
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
