-- Erases what the tables of the kit hold about one person. Run it in each database, as the owner of the schema:
--
--   psql --set ON_ERROR_STOP=1 "$DATABASE_URL" -c "set converge.erase = 'ada@example.org'" -f docs/runbooks/erase.sql
--
-- It changes only what has ended: published events, closed parked events, ended calls, runs and workflows. What is still at
-- work stays, and the last statement lists it: end it, and run the file again. An empty list: nothing mentions the text any more.
-- No function of another schema takes part: this runs with the rights of the owner.
set search_path = pg_catalog, pg_temp;
begin;

-- The forms of the text: as it is, in JSON, in JSON inside of JSON, and in JSON of ASCII alone with \u00eb in either case.
create function pg_temp.in_json(value text) returns text language sql immutable
  return substr(to_json(value)::text, 2, length(to_json(value)::text) - 2);
create function pg_temp.in_ascii(value text, upper boolean) returns text language sql immutable
  begin atomic
    select coalesce(string_agg(case
             when ascii(c) < 128 then c
             else (select string_agg('\u' || lpad(case when in_ascii.upper then upper(to_hex(unit)) else to_hex(unit) end, 4, '0'), '' order by at)
                     from unnest(case when ascii(c) < 65536 then array[ascii(c)]
                                      else array[55232 + (ascii(c) >> 10), 56320 + (ascii(c) & 1023)] end) with ordinality u (unit, at)) end,
             '' order by n), '')
      from unnest(string_to_array(value, null)) with ordinality l (c, n);
  end;
create temporary table erase_form (form text, bytes bytea) on commit drop;
insert into erase_form
select distinct form, convert_to(form, 'UTF8')
  from (select current_setting('converge.erase', true)) s (text),
       unnest(array[text, pg_temp.in_json(text), pg_temp.in_json(pg_temp.in_json(text)),
                    pg_temp.in_ascii(pg_temp.in_json(text), false), pg_temp.in_ascii(pg_temp.in_json(text), true)]) f (form);

create function pg_temp.mentions(value text) returns boolean language sql stable
  return exists (select from erase_form where position(form in value) > 0);
create function pg_temp.mentions(value bytea) returns boolean language sql stable
  return exists (select from erase_form where position(bytes in value) > 0);

do $$ begin
  if length(coalesce(current_setting('converge.erase', true), '')) < 4 then
    raise exception 'set converge.erase to the text to look for, of at least 4 characters: a shorter one would match too much';
  end if;
end $$;

-- Events that are in the log. Their place, id and key stay: the relay and gaps count by them.
update converge.outbox o
   set payload = '{"erased":true}', headers = case when pg_temp.mentions(o.headers) then '{}' else o.headers end, search = null
 where (pg_temp.mentions(o.payload) or pg_temp.mentions(o.headers))
   and pg_visible_in_snapshot(o.xid, (select t.snapshot from converge.relay_source s join converge.tick t on t.number = s.done_tick))
   and not exists (select from converge.relay_topic h where h.topic = o.topic and h.held_at is not null);

-- A request that is repeated is still found, and gets no result.
update converge.request set result = null where pg_temp.mentions(result);

update converge.phantom set key = 'erased' where pg_temp.mentions(key);

update converge.parked
   set payload = null, edited = null, record_key = null, headers = '[]', attempts = '[]', reason = null, note = null,
       key = case when pg_temp.mentions(key) then 'erased' else key end
 where state in ('rejected', 'skipped', 'superseded', 'replaced')
   and (pg_temp.mentions(payload) or pg_temp.mentions(edited) or pg_temp.mentions(record_key) or pg_temp.mentions(headers)
        or pg_temp.mentions(attempts) or pg_temp.mentions(reason) or pg_temp.mentions(note) or pg_temp.mentions(key));

-- Who acted, when and how stays; what the act was about and why are replaced where they mention it.
update converge.audit
   set reason = case when pg_temp.mentions(reason) then 'erased' else reason end,
       subject_id = case when pg_temp.mentions(subject_id) then 'erased' else subject_id end,
       before = case when pg_temp.mentions(before::text) then '{"erased":true}' else before end,
       after = case when pg_temp.mentions(after::text) then '{"erased":true}' else after end
 where pg_temp.mentions(reason) or pg_temp.mentions(subject_id) or pg_temp.mentions(before::text) or pg_temp.mentions(after::text);

update converge.inbox_attempt
   set message = case when pg_temp.mentions(message) then 'erased' else message end,
       key = case when pg_temp.mentions(key) then 'erased' else key end
 where pg_temp.mentions(message) or pg_temp.mentions(key);

-- Reasons that persons wrote, and those of errors: what they are about stays.
update converge.saga_pause set reason = 'erased' where pg_temp.mentions(reason);
update converge.relay_topic set held_reason = 'erased' where pg_temp.mentions(held_reason);
update converge.reconcile_run set reason = 'erased' where pg_temp.mentions(reason);

-- Runs of sagas in which nothing happened here for a day. Other services may ask for more, a cancellation or an undo: the bare states of
-- the steps stay, as they do by retention. While a step awaits others, or only the start was seen, only an observer knows of an end.
create temporary table erased_run on commit drop as
select distinct r.saga, r.instance
  from (select saga, instance from converge.saga_fence
         where pg_temp.mentions(intent) or pg_temp.mentions(result) or pg_temp.mentions(undo) or pg_temp.mentions(reason)
            or pg_temp.mentions(key) or pg_temp.mentions(journal::text)
        union all
        select saga, instance from converge.saga_join where pg_temp.mentions(members::text)
        union all
        select saga, instance from converge.saga_start where pg_temp.mentions(key)
        union all
        select saga, instance from converge.saga_instance
         where pg_temp.mentions(facts) or pg_temp.mentions(reason) or pg_temp.mentions(key)) r
 where not exists (select from converge.saga_fence f
                    where (f.saga, f.instance) = (r.saga, r.instance)
                      and (f.state in ('started', 'unknown', 'undo_pending', 'stuck') or f.stuck_since is not null
                           or not converge.saga_is_old(f.journal)))
   and not exists (select from converge.saga_work w
                    where (w.saga, w.instance) = (r.saga, r.instance))
   and coalesce(
         (select i.ended_at is not null from converge.saga_instance i where (i.saga, i.instance) = (r.saga, r.instance)),
         exists (select from converge.saga_fence f where (f.saga, f.instance) = (r.saga, r.instance))
         and not exists (
           select from converge.saga_join j
            where (j.saga, j.instance) = (r.saga, r.instance)
              and not exists (select from converge.saga_fence f
                               where (f.saga, f.instance, f.step) = (j.saga, j.instance, j.step)
                                 and (j.waits_for = 'begin' or f.state <> 'applied'))));
delete from converge.saga_join t using erased_run r where (t.saga, t.instance) = (r.saga, r.instance);
do $$ begin
  perform converge.saga_forget(saga, '{}', array_agg(instance), 'infinity') from erased_run group by saga;
end $$;
update converge.saga_fence t set key = 'erased'
  from erased_run r where (t.saga, t.instance) = (r.saga, r.instance) and pg_temp.mentions(t.key);
delete from converge.saga_start t using erased_run r where (t.saga, t.instance) = (r.saga, r.instance);
delete from converge.saga_instance t using erased_run r where (t.saga, t.instance) = (r.saga, r.instance);

-- Ended calls outside of sagas leave whole, as they do after 30 days: a replay of their event would call again.
delete from converge.saga_work
 where saga is null and ended_at is not null
   and (pg_temp.mentions(input) or pg_temp.mentions(cause) or pg_temp.mentions(story) or pg_temp.mentions(outcome)
        or pg_temp.mentions(key) or pg_temp.mentions(idempotency_key));

delete from converge.workflow w
 where w.ended_at is not null
   and (pg_temp.mentions(w.input) or pg_temp.mentions(w.result) or pg_temp.mentions(w.id)
        or exists (select from converge.workflow_step s where (s.workflow, s.id) = (w.workflow, w.id) and pg_temp.mentions(s.data)));

update converge.reconcile_audit
   set desired = null, before = null, after = null, drift = '{}',
       key = case when pg_temp.mentions(key) then 'erased' else key end
 where pg_temp.mentions(desired::text) or pg_temp.mentions(before::text) or pg_temp.mentions(after::text)
    or pg_temp.mentions(drift::text) or pg_temp.mentions(key);
update converge.reconcile_key set reason = null where pg_temp.mentions(reason) and state in ('idle', 'terminal');

-- What still mentions it, in every column of the schema, and of the log of local mode where it is in this database.
create temporary table erase_left (relation text, attribute text, rows bigint);
do $$
declare
  c record;
begin
  for c in
    select a.table_schema as schema, a.table_name as relation, a.column_name as attribute, a.data_type as type
      from information_schema.columns a join information_schema.tables t using (table_schema, table_name)
     where a.table_schema in ('converge', 'converge_log') and t.table_type = 'BASE TABLE'
       and a.data_type in ('text', 'bytea', 'json', 'jsonb', 'ARRAY')
       and not exists (select from pg_inherits i where i.inhrelid = format('%I.%I', a.table_schema, a.table_name)::regclass)
  loop
    execute format(
      'insert into erase_left select %L, %L, count(*) from %I.%I where pg_temp.mentions(%I%s) having count(*) > 0',
      case c.schema when 'converge' then '' else c.schema || '.' end || c.relation, c.attribute, c.schema, c.relation, c.attribute, case when c.type in ('text', 'bytea') then '' else '::text' end);
  end loop;
end $$;
commit;

select relation, attribute, rows from erase_left order by 1, 2;
