import {
  type Assignment,
  type GroupChange,
  type GroupMember,
  groupSubject,
  type GroupState,
  type HeartbeatAnswer,
  type MemberState,
  type StoreCommit,
} from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';
import { CHANNEL } from '../session/wake-ups.ts';

const makeSql = `insert into converge_log.consumer_group (id) values ($1) on conflict do nothing`;

export async function makeGroup(session: LogSession, groupId: string): Promise<void> {
  await session.query(`joining group ${groupId}`, makeSql, [groupId]);
}

/** True for a member that is gone: silent for its session, or seen in the future, before the server's clock was set back. */
const SILENT = `abs(extract(epoch from clock_timestamp() - m.seen_at)) * 1000 > m.session_ms`;

// One snapshot; the reading member is seen by it. Nothing but `version` decides whether a change may be written.
const readSql = `
  with me as (
    update converge_log.member set seen_at = clock_timestamp() where group_id = $1 and id = $2
  )
  select g.version, g.generation,
         (select coalesce(jsonb_agg(jsonb_build_object(
                   'id', m.id, 'topics', m.topics, 'sessionMs', m.session_ms, 'waiting', m.waiting, 'assigned', m.assigned,
                   'expired', m.id <> $2 and ${SILENT})), '[]')
            from converge_log.member m where m.group_id = g.id) as members,
         (select coalesce(jsonb_object_agg(t.name, t.partitions), '{}')
            from converge_log.topic t
           where t.name = any ($3::text[])
              or t.name in (select unnest(m.topics) from converge_log.member m where m.group_id = g.id)) as partitions
    from converge_log.consumer_group g where g.id = $1`;

interface StateRow {
  readonly version: string;
  readonly generation: string;
  readonly members: readonly MemberState[];
  readonly partitions: Readonly<Record<string, number>>;
}

/** Reads a group for a member that joins or waits; undefined when the group was removed. */
export async function readGroup(
  session: LogSession,
  groupId: string,
  memberId: string,
  topics: readonly string[],
): Promise<GroupState | undefined> {
  const { rows } = await session.query<StateRow>(`joining group ${groupId}`, readSql, [
    groupId,
    memberId,
    topics,
  ]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    version: BigInt(row.version),
    generation: BigInt(row.generation),
    members: row.members,
    partitions: new Map(Object.entries(row.partitions)),
  };
}

// Compare-and-set on the group's row, whose lock orders all changes and the commits of offsets.
const changeSql = `
  with g as (
    update converge_log.consumer_group
       set version = version + 1, rebalancing = not $3, generation = generation + case when $3 then 1 else 0 end
     where id = $1 and version = $2
    returning id, generation
  ), gone as (
    delete from converge_log.member m using g where m.group_id = g.id and m.id = any ($4::uuid[])
  ), there as (
    insert into converge_log.member as m (group_id, id, topics, session_ms, waiting, assigned)
    select g.id, n.id, n.topics, n."sessionMs", n.waiting, n.assigned
      from g, jsonb_to_recordset($5::jsonb)
             as n (id uuid, topics text[], "sessionMs" int, waiting boolean, assigned jsonb)
    on conflict (group_id, id) do update
      set topics = excluded.topics, session_ms = excluded.session_ms, waiting = excluded.waiting,
          assigned = excluded.assigned, seen_at = clock_timestamp()
  )
  select g.generation, pg_catalog.pg_notify('${CHANNEL}', $6)::text as notified from g`;

/** Writes a change. Returns false when the group has changed since it was read. */
export async function changeGroup(
  session: LogSession,
  groupId: string,
  version: bigint,
  { removed, members, completes }: GroupChange,
): Promise<boolean> {
  const { rowCount } = await session.query(`joining group ${groupId}`, changeSql, [
    groupId,
    String(version),
    completes,
    removed,
    JSON.stringify(members),
    groupSubject(groupId),
  ]);
  return rowCount === 1;
}

// A member that was silent for its session is left out, although the group notices later.
const membersSql = `
  select m.id::text as id, case when g.rebalancing then '[]' else m.assigned end as assigned
    from converge_log.member m join converge_log.consumer_group g on g.id = m.group_id
   where m.group_id = $1 and not ${SILENT} order by 1`;

/** Reads the members of a group; none for a group that does not exist. */
export async function readMembers(session: LogSession, groupId: string): Promise<readonly GroupMember[]> {
  const { rows } = await session.query<{ id: string; assigned: readonly Assignment[] }>(
    `reading the members of group ${groupId}`,
    membersSql,
    [groupId],
  );
  return rows.map(({ id, assigned }) => ({ id, host: undefined, partitions: assigned }));
}

// Any member finds out that another is silent: its own join removes that one.
const heartbeatSql = `
  with me as (
    update converge_log.member set seen_at = clock_timestamp() where group_id = $1 and id = $2 returning id
  )
  select case when not exists (select from me) then 'lost'
              when g.rebalancing or g.generation <> $3::bigint
                or exists (select from converge_log.member m
                            where m.group_id = g.id and m.id <> $2 and ${SILENT}) then 'rebalance'
              else 'member' end as answer
    from converge_log.consumer_group g where g.id = $1`;

export async function heartbeat(
  session: LogSession,
  groupId: string,
  memberId: string,
  generation: number,
): Promise<HeartbeatAnswer> {
  const { rows } = await session.query<{ answer: HeartbeatAnswer }>(
    `heartbeat to group ${groupId}`,
    heartbeatSql,
    [groupId, memberId, generation],
  );
  return rows[0]?.answer ?? 'lost';
}

// The group first, as in every change of members: the opposite order would deadlock.
const leaveSql = `
  with g as (
    update converge_log.consumer_group g set version = version + 1, rebalancing = true
     where id = $1 and exists (select from converge_log.member m where m.group_id = g.id and m.id = $2)
    returning id
  ), gone as (
    delete from converge_log.member m using g where m.group_id = g.id and m.id = $2
  )
  select pg_catalog.pg_notify('${CHANNEL}', $3)::text as notified from g`;

export async function leave(session: LogSession, groupId: string, memberId: string): Promise<void> {
  await session.query(`leaving group ${groupId}`, leaveSql, [groupId, memberId, groupSubject(groupId)]);
}

// The lock waits for a change of members, and the generation is compared after it: a commit of an ended membership
// cannot replace one of the next.
const commitSql = `
  with g as (
    select g.id from converge_log.consumer_group g
     where g.id = $1 and g.generation = $3::bigint
       and exists (select from converge_log.member m where m.group_id = g.id and m.id = $2)
       for share
  )
  insert into converge_log.committed as c (group_id, topic_id, partition, next_offset)
  select g.id, o.topic_id, o.partition, o.next_offset
    from g, unnest($4::uuid[], $5::int[], $6::bigint[]) as o (topic_id, partition, next_offset)
   order by o.topic_id, o.partition -- one order for all writers
  on conflict (group_id, topic_id, partition) do update set next_offset = excluded.next_offset`;

/** Returns false when the membership has ended. */
export async function commitOffsets(session: LogSession, commit: StoreCommit): Promise<boolean> {
  const { groupId, memberId, generation, offsets } = commit;
  const { rowCount } = await session.query(`committing offsets of group ${groupId}`, commitSql, [
    groupId,
    memberId,
    generation,
    offsets.map(({ topicId }) => topicId),
    offsets.map(({ partition }) => partition),
    offsets.map(({ offset }) => String(offset)),
  ]);
  return rowCount === offsets.length;
}
