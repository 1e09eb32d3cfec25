-- An id that JavaScript cannot hold exactly, written by hand, stopped the relay. Not validated: a row that is there already
-- must not keep this migration from being applied; the relay passes over it, and an alarm names it.
alter table converge.outbox add constraint outbox_id_exact check (id between 1 and 9007199254740991) not valid;
-- Where there is nothing to read, it is validated at once.
do $$
begin
  if not exists (select from converge.outbox) then
    alter table converge.outbox validate constraint outbox_id_exact;
  end if;
end $$;

-- One row: how many bytes of events may wait to be published, and how many do. Measured by the relay that leads, every few
-- seconds, and by a writer when no relay did. Off while max_bytes is null.
create table converge.outbox_limit (
  only_row      boolean     primary key default true check (only_row),
  -- Waiting bytes at most, with indexes.
  max_bytes     bigint      check (max_bytes > 0),
  -- True: at the limit emits are refused. False: an alarm only.
  refuse        boolean     not null default false,
  -- Every id up to here is published, as the relay said last.
  published_id  bigint      not null default 0,
  total_bytes   bigint      not null default 0,
  waiting_bytes bigint      not null default 0,
  measured_at   timestamptz not null default '-infinity',
  -- An earlier measurement, a minute old or older: the growth since gives the forecast.
  base_bytes    bigint      not null default 0,
  base_at       timestamptz not null default '-infinity'
) with (fillfactor = 50);
insert into converge.outbox_limit default values;
-- Every append looks at it. Sizes are no secret to a role that may use the schema.
grant select on converge.outbox_limit to public;

-- Sizes of files, and the share of each child's ids that is not published: no row is read. For every role that may emit,
-- so with the rights of its owner and a search path of its own. A measurement that another session makes is not waited for.
create function converge.outbox_measure() returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  published bigint;
  newest    bigint;
  total     bigint;
  waiting   bigint;
begin
  select l.published_id into published from converge.outbox_limit l for update skip locked;
  if not found then
    return;
  end if;
  select s.last_value - (not s.is_called)::int into newest from converge.outbox_id s;
  with child as (
    select pg_total_relation_size(c.oid) as bytes,
           coalesce(substring(b.bound from $re$FROM \('?(\d+)'?\)$re$)::numeric, 1) as lower,
           least(coalesce(substring(b.bound from $re$TO \('?(\d+)'?\)$re$)::numeric, newest + 1), newest + 1) as until
      from pg_inherits i join pg_class c on c.oid = i.inhrelid,
           lateral (select pg_get_expr(c.relpartbound, c.oid) as bound) b
     where i.inhparent = 'converge.outbox'::regclass
  )
  select coalesce(sum(bytes), 0),
         coalesce(sum(trunc(bytes * (until - greatest(lower, published + 1)) / (until - lower)))
                    filter (where until > greatest(lower, published + 1)), 0)
    into total, waiting
    from child;
  update converge.outbox_limit l
     set total_bytes = total, waiting_bytes = waiting, measured_at = clock_timestamp(),
         base_bytes = case when l.base_at < clock_timestamp() - interval '60 s' then l.waiting_bytes else l.base_bytes end,
         base_at = case when l.base_at < clock_timestamp() - interval '60 s' then l.measured_at else l.base_at end;
end $$;

-- Called by an append when the limit is reached, or was not measured for 15 s. Refuses with an error that is no harm to
-- what the transaction may do besides: nothing was written yet. 53400 is "configuration limit exceeded".
create function converge.outbox_admit() returns void
  language plpgsql
  as $$
declare
  room record;
begin
  if (select l.measured_at < clock_timestamp() - interval '15 s' from converge.outbox_limit l) then
    perform converge.outbox_measure();
  end if;
  select l.max_bytes, l.waiting_bytes into room from converge.outbox_limit l;
  if room.waiting_bytes >= room.max_bytes then
    raise exception 'converge: the outbox is full: % bytes of events wait to be published, and % are allowed (outbox.maxBytes)',
      room.waiting_bytes, room.max_bytes
      using errcode = '53400', constraint = 'outbox_max_bytes',
            hint = 'nothing was written. See why nothing is published (converge doctor); emits are taken again when events have left, or the limit is raised';
  end if;
end $$;

-- As 007-append-one, with the limit looked at first: one row of one page, 3 µs.
create or replace function converge.outbox_append_one(
  event_id uuid, topic text, key text, type text, headers text, payload text, idle_ms int
) returns text
  language plpgsql
  as $$
declare
  last_id bigint;
  done    boolean;
begin
  if idle_ms > 0 then
    done := set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is null;
  end if;
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  done := pg_advisory_xact_lock(1668247159, converge.outbox_bucket(topic, key)) is null;
  insert into converge.outbox (event_id, topic, key, type, headers, payload)
  values (outbox_append_one.event_id, outbox_append_one.topic, outbox_append_one.key, outbox_append_one.type,
          outbox_append_one.headers, outbox_append_one.payload)
  returning id into last_id;
  return pg_current_xact_id()::text || ':' || last_id::text;
end $$;

create or replace function converge.outbox_append_all(
  event_ids uuid[], topics text[], keys text[], types text[], headers text[], payloads text[], idle_ms int
) returns text
  language plpgsql
  as $$
#variable_conflict use_column
declare
  written uuid[];
  last_id bigint;
  done    boolean;
begin
  if idle_ms > 0 then
    done := set_config('idle_in_transaction_session_timeout', idle_ms::text, true) is null;
  end if;
  if exists (select from converge.outbox_limit l
              where l.refuse and (l.waiting_bytes >= l.max_bytes or l.measured_at < clock_timestamp() - interval '15 s')) then
    perform converge.outbox_admit();
  end if;
  perform converge.outbox_lock(topics, keys);
  with inserted as (
    insert into converge.outbox (event_id, topic, key, type, headers, payload)
    select u.event_id, u.topic, u.key, u.type, u.headers, u.payload
      from unnest(event_ids, topics, keys, types, outbox_append_all.headers, payloads)
           with ordinality as u (event_id, topic, key, type, headers, payload, place)
     order by u.place
    returning event_id, id
  )
  select array_agg(i.event_id), max(i.id) into written, last_id from inserted i;
  -- Ids are handed out in the order of insertion. Should a planner ever change that order, refuse rather than reorder.
  if written is distinct from event_ids then
    raise exception 'converge: the events were not inserted in the order given';
  end if;
  return pg_current_xact_id()::text || ':' || last_id::text;
end $$;
