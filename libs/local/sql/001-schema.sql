-- The log of local mode: topics, partitions and batches of records, and the groups that read them. Its own schema, since
-- several services share one log, in a database of its own or in one of theirs.
create schema converge_log;

create table converge_log.topic (
  id           uuid        primary key default gen_random_uuid(),
  name         text        not null unique check (name ~ '^[A-Za-z0-9_.-]{1,249}$'),
  partitions   int         not null check (partitions between 1 and 10000),
  max_bytes    int         not null check (max_bytes > 0),
  retention_ms bigint      not null check (retention_ms >= -1),  -- -1 = for ever
  config       jsonb       not null,
  created_at   timestamptz not null default clock_timestamp()
);

-- The ends of each partition. The row lock of an append gives the order: offsets have no gaps, and a reader sees a prefix.
create table converge_log.partition (
  topic_id     uuid   not null references converge_log.topic on delete cascade,
  partition    int    not null,
  start_offset bigint not null default 0,
  next_offset  bigint not null default 0,
  primary key (topic_id, partition),
  check (start_offset between 0 and next_offset)
) with (fillfactor = 20);

-- A row is a whole record batch in Kafka's format 2, with base offset 0. Rows of a deleted topic leave with their child.
create table converge_log.batch (
  topic_id    uuid        not null,
  partition   int         not null,
  last_offset bigint      not null,
  records     int         not null check (records > 0),
  written_at  timestamptz not null,
  bytes       bytea       not null
) partition by range (written_at);
-- Compression of each batch would cost more CPU than the writes that it saves.
alter table converge_log.batch alter column bytes set storage external;
create index batch_place on converge_log.batch (topic_id, partition, last_offset);

create table converge_log.consumer_group (
  id          text    primary key,
  -- Increases when a rebalance ends: a commit of an earlier generation is refused.
  generation  bigint  not null default 0,
  -- Increases with every change of members: a decision is written only if it was made on the latest state.
  version     bigint  not null default 0,
  rebalancing boolean not null default false
);

-- A member is gone when it was silent for its session by this server's clock; the clocks of members do not matter.
create table converge_log.member (
  group_id   text        not null references converge_log.consumer_group,
  id         uuid        not null,
  topics     text[]      not null,
  session_ms int         not null check (session_ms > 0),
  seen_at    timestamptz not null default clock_timestamp(),
  -- True while it has joined and waits for the others.
  waiting    boolean     not null,
  assigned   jsonb       not null default '[]',
  primary key (group_id, id)
) with (fillfactor = 20);

create table converge_log.committed (
  group_id    text   not null references converge_log.consumer_group,
  topic_id    uuid   not null references converge_log.topic on delete cascade,
  partition   int    not null,
  next_offset bigint not null,
  primary key (group_id, topic_id, partition)
) with (fillfactor = 20);

-- Makes the children of today and the next days. Producers call it; it needs no right of theirs to create tables.
create function converge_log.make_children() returns void language plpgsql security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  day date;
  child text;
begin
  perform pg_advisory_xact_lock(1668182646, 3);  -- 0x636f6e76 "conv"; 1 is migrate, 2 policies
  for day in select current_date + n from generate_series(0, 2) as n loop
    child := 'batch_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('converge_log.' || child) is not null;
    execute format('create table converge_log.%I (like converge_log.batch including all)', child);
    execute format('alter table converge_log.batch attach partition converge_log.%I for values from (%L) to (%L)',
                   child, day::timestamptz, (day + 1)::timestamptz);
  end loop;
end $$;

-- Drops one child whose records have all passed the retention of their topics; returns its name, or null. A child is a
-- day, and is not written after it: its last offsets are read before any lock.
create function converge_log.drop_child_before(moment timestamptz) returns text language plpgsql
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  child text;
  ends timestamptz;
  kept boolean;
  cuts jsonb;
begin
  if not pg_try_advisory_xact_lock(1668182646, 4) then return null; end if;
  for child in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'converge_log.batch'::regclass order by c.relname
  loop
    ends := (to_date(right(child, 8), 'YYYYMMDD') + 1)::timestamptz;
    -- A clock that was set back may write to yesterday's child once more.
    continue when ends + interval '1 hour' > moment;
    execute format('select exists (select from converge_log.topic t
                     where (t.retention_ms < 0 or $1 + t.retention_ms * interval ''1 millisecond'' > $2)
                       and exists (select from converge_log.%I b where b.topic_id = t.id))', child)
      into kept using ends, moment;
    continue when kept;
    execute format('select coalesce(jsonb_agg(to_jsonb(m)), ''[]'') from (select topic_id, partition, max(last_offset) + 1 as next
                     from converge_log.%I group by topic_id, partition) m', child) into cuts;
    -- The table first, as appends do: they would deadlock with the opposite order.
    lock table converge_log.batch in access exclusive mode;
    update converge_log.partition p set start_offset = greatest(p.start_offset, c.next)
      from jsonb_to_recordset(cuts) as c (topic_id uuid, partition int, next bigint)
     where p.topic_id = c.topic_id and p.partition = c.partition;
    execute format('drop table converge_log.%I', child);
    return child;
  end loop;
  return null;
end $$;
-- With a moment of its own a caller could drop everything.
revoke all on function converge_log.drop_child_before(timestamptz) from public;

create function converge_log.drop_expired_child() returns text language sql security definer
  set search_path = pg_catalog, pg_temp as $$ select converge_log.drop_child_before(clock_timestamp()) $$;

-- They act with the rights of the owner: only logins that write to the log, or read it, are given them.
revoke all on function converge_log.make_children(), converge_log.drop_expired_child() from public;

select converge_log.make_children();
