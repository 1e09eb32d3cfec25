-- Steps and calls that have begun and have no outcome yet, by the key of their event.
create index saga_fence_open_key on converge.saga_fence (key) where state in ('started', 'unknown', 'undo_pending', 'stuck');
create index saga_work_open_key on converge.saga_work (key)
  where saga is null and state in ('ready', 'calling', 'unknown', 'answered', 'stuck');

-- Returns a step or call of keys that has begun and has no outcome yet, for people; null: there is none.
create function converge.saga_open(keys text[]) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  (select concat_ws(' ', 'step', f.step, 'of saga', f.saga) from converge.saga_fence f
    where f.key = any ($1) and f.state in ('started', 'unknown', 'undo_pending', 'stuck') limit 1)
  union all
  (select concat_ws(' ', 'call', w.effect) from converge.saga_work w
    where w.key = any ($1) and w.saga is null and w.state in ('ready', 'calling', 'unknown', 'answered', 'stuck') limit 1)
  limit 1
$$;
