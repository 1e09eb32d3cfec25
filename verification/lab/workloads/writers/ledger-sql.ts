import type { Database } from '@convergekit/postgres';
import type { LedgerRow, Takeover } from '../../../checker/facts.ts';

/**
 * The ground truth, in a separate schema: which event was committed as the n-th of its key. A row is written in the
 * transaction that emits, so that a crash undoes both or neither. The kit is used as services use it:
 * by its client, and by `converge.emit` in SQL.
 */
export const ledgerSql = `
create schema soak;
-- The row lock of a key is held until the commit, so n counts its events in commit order.
create table soak.counter (
  topic text, key text, kind text not null, n int not null default 0, primary key (topic, key)
) with (fillfactor = 40);
create table soak.ledger (
  topic text, key text, n int, event_id uuid not null, crc bigint not null, primary key (topic, key, n)
);

-- Counts the events up and returns the n of each, in the order given.
create function soak.next(topics text[], keys text[]) returns int[] language plpgsql as $$
declare
  numbers int[];
begin
  perform from soak.counter c where (c.topic, c.key) in (select * from unnest(topics, keys)) order by c.topic, c.key for update;
  with wanted as (select u.topic, u.key, count(*)::int as events from unnest(topics, keys) as u (topic, key) group by 1, 2),
       counted as (update soak.counter c set n = c.n + w.events from wanted w
                    where c.topic = w.topic and c.key = w.key returning c.topic, c.key, c.n - w.events as base),
       given as (select u.topic, u.key, u.place, row_number() over (partition by u.topic, u.key order by u.place) as nth
                   from unnest(topics, keys) with ordinality as u (topic, key, place))
  select array_agg(c.base + g.nth order by g.place) into numbers from given g join counted c using (topic, key);
  return numbers;
end $$;

create function soak.payload(n int, size int) returns text language sql immutable
  as $$ select '{"n":' || n || ',"pad":"' || rpad('é 世界 🙂 ', size, 'abcdefghij klmno pqrst') || '"}' $$;

create function soak.note(topics text[], keys text[], numbers int[], ids uuid[], payloads text[]) returns void language sql
  as $$ insert into soak.ledger
        select u.topic, u.key, u.n, u.id, crc32(convert_to(u.payload, 'UTF8'))
          from unnest(topics, keys, numbers, ids, payloads) as u (topic, key, n, id, payload) $$;

-- A whole transaction's worth in one round trip. Returns the events' ids. Relaxed: its commit does not wait for the disk,
-- whatever the session's setting.
create function soak.write(topics text[], keys text[], sizes int[], relaxed boolean) returns uuid[] language plpgsql as $$
declare
  numbers  int[] := soak.next(topics, keys);
  ids      uuid[];
  payloads text[];
begin
  select array_agg(soak.payload(u.n, u.size) order by u.place) into payloads
    from unnest(numbers, sizes) with ordinality as u (n, size, place);
  for place in 1 .. cardinality(topics) loop
    ids[place] := converge.emit(topics[place], keys[place], 'soak.event', payloads[place], '{"tenant":"soak"}');
  end loop;
  perform soak.note(topics, keys, numbers, ids, payloads);
  if relaxed then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return ids;
end $$;
`;

/** Creates the keys: hot ones, cold ones, and lonely ones for transactions that stay open. */
export const populateSql = `
  insert into soak.counter (topic, key, kind)
  select $1::text, kind || i, kind
    from (values ('hot', $2::int), ('cold', $3::int), ('lonely', 2000)) as v (kind, amount), generate_series(1, amount) i`;

const PAGE = 20_000;

/** Reads where the leaders began, as a trigger noted it; empty where it could not. */
export async function readTakeovers({ executor }: Pick<Database, 'executor'>): Promise<readonly Takeover[]> {
  const { rows } = await executor.query<{ term: string; at: string; cursors: Takeover['cursors'] }>(
    `select term::text, extract(epoch from at) * 1000 as at, cursors from soak.takeover order by at`,
  );
  return rows.map(({ term, at, cursors }) => ({ term: Number(term), atMs: Number(at), cursors }));
}

/** Reads the ledger by pages along the primary key, so that rows of a key are adjacent. */
export async function readLedger(
  { executor }: Pick<Database, 'executor'>,
  onRow: (row: LedgerRow) => void,
): Promise<void> {
  const text = `
    select topic, key, n, event_id::text as "eventId", crc::float8 as crc from soak.ledger
     where (topic, key, n) > ($1, $2, $3::int) order by topic, key, n limit ${PAGE}`;
  let after: LedgerRow | undefined;
  for (;;) {
    const from = [after?.topic ?? '', after?.key ?? '', after?.n ?? 0];
    const { rows } = await executor.query<LedgerRow & Record<string, unknown>>(text, from);
    for (const row of rows) onRow(row);
    after = rows.at(-1) ?? after;
    if (rows.length < PAGE) return;
  }
}
