-- The last tick up to `upto` for which everything asked holds. All of a tick's values rise with its number, so it is
-- found by bisection: some 30 look-ups by primary key, where a walk would read a day of ticks, and without an index
-- that every tick would have to pay for. Numbers may have holes (ticks of idle partitions' cursors are kept alone).
-- created_at follows the server's clock, which may step back: the tick that is returned satisfies the condition all the same.
create function converge.tick_last(
  upto bigint, own_most xid8 default null, ceil_below bigint default null, created_before timestamptz default null
) returns bigint
  language plpgsql stable
  as $$
declare
  low    bigint := 0;
  high   bigint := upto;
  middle bigint;
  probe  converge.tick;
  answer bigint;
begin
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
