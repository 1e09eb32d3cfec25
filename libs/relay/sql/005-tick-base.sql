-- A rebase in another cluster begins ticks anew: a base tick (snapshot 3:3:, own 3, as tick 0), from which the rows have new
-- xids. Ticks before it say nothing about them: a child that was sent long ago may be on its way again. Base ticks are
-- few; others are not in this index.
create index tick_base on converge.tick (number) where own = '3'::xid8;

-- As before, but from the last base tick on: only from there do values rise with the number.
create or replace function converge.tick_last(
  upto bigint, own_most xid8 default null, ceil_below bigint default null, created_before timestamptz default null
) returns bigint
  language plpgsql stable
  as $$
declare
  low    bigint;
  high   bigint := upto;
  middle bigint;
  probe  converge.tick;
  answer bigint;
begin
  select coalesce(max(t.number), 0) into low from converge.tick t where t.own = '3'::xid8 and t.number <= upto;
  while low <= high loop
    middle := low + (high - low) / 2;
    select * into probe from converge.tick t where t.number >= middle and t.number <= high order by t.number limit 1;
    if probe.number is null then
      high := middle - 1;
    elsif (own_most is null or probe.own <= own_most)
      and (ceil_below is null or probe.ceil < ceil_below)
      and (created_before is null or probe.created_at < created_before)
    then
      answer := probe.number;
      low := probe.number + 1;
    else
      high := middle - 1;
    end if;
  end loop;
  return answer;
end $$;
