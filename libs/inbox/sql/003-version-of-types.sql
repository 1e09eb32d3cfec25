-- The version of the types that are registered for a partition: it rises with every row of inbox_type that is added or removed.
-- A slice reads it from the fence row that it locks, so it is the present one, whatever snapshot the slice has. As long as it
-- has not changed, a member knows all registered types, and looks none up.
alter table converge.inbox_partition add column types_version bigint not null default 0;

-- A trigger, so that members and operators of any version count.
create function converge.inbox_types_changed() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  -- In the order of the primary key, as every other lock on several fence rows.
  perform from converge.inbox_partition p
    where (p.consumer, p.topic, p.partition) in (select c.consumer, c.topic, c.partition from changed c)
    order by p.consumer, p.topic, p.partition for update;
  update converge.inbox_partition p set types_version = p.types_version + 1
   where (p.consumer, p.topic, p.partition) in (select c.consumer, c.topic, c.partition from changed c);
  return null;
end $$;

create trigger inbox_types_added after insert on converge.inbox_type
  referencing new table as changed for each statement execute function converge.inbox_types_changed();
create trigger inbox_types_removed after delete on converge.inbox_type
  referencing old table as changed for each statement execute function converge.inbox_types_changed();
