-- The version of the types that are registered for a partition: it rises with every row that is added to inbox_type. A slice
-- reads it from the fence row that it locks, so it is the present one, whatever snapshot the slice has. As long as it has not
-- changed, a member knows all registered types, and looks none up. A type that was dropped is found when it is met: a member asks
-- before it waits for another version.
alter table converge.inbox_partition add column types_version bigint not null default 0;

-- A trigger, so that members of any version count.
create function converge.inbox_types_added() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  -- In the order of the primary key, as every other lock on several fence rows.
  perform from converge.inbox_partition p
    where (p.consumer, p.topic, p.partition) in (select a.consumer, a.topic, a.partition from added a)
    order by p.consumer, p.topic, p.partition for no key update;
  update converge.inbox_partition p set types_version = p.types_version + 1
   where (p.consumer, p.topic, p.partition) in (select a.consumer, a.topic, a.partition from added a);
  return null;
end $$;

create trigger inbox_types_added after insert on converge.inbox_type
  referencing new table as added for each statement execute function converge.inbox_types_added();
