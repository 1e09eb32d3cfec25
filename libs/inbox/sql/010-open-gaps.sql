-- For other packages and services: ranges that a consumer went past and that are not filled, as positions in text.
create function converge.inbox_open_gaps(consumer text)
  returns table (gap bigint, topic text, partition int, source uuid, after text, up_to text)
  language sql stable
  as $$
  select g.gap, g.topic, g.partition, g.source,
         concat_ws('.', coalesce(g.filled_epoch, g.after_epoch), coalesce(g.filled_tick, g.after_tick),
                   coalesce(g.filled_id, g.after_id)),
         concat_ws('.', g.up_to_epoch, g.up_to_tick, g.up_to_id)
    from converge.inbox_gap g
   where g.consumer = $1
     and (g.filled_epoch is null
          or (g.filled_epoch, g.filled_tick, g.filled_id) < (g.up_to_epoch, g.up_to_tick, g.up_to_id))
   order by g.gap
$$;
