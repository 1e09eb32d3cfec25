import { LeasedTable } from '@convergekit/postgres/engine';

/** The ranges of all reconcilers. A lease that has ended makes the range free. */
export const rangeQueue = new LeasedTable({
  table: 'converge.reconcile_range',
  key: { reconciler: 'text', bits: 'smallint', range: 'int' },
  fence: { holder: 'text' },
  lease: 'leased_until',
});

// $1 reconciler, $2 bits in all of the following.

/** Removes ranges of another division of the key space, and reads the state of this one. */
export const readRangesSql = `
  with gone as (delete from converge.reconcile_range where reconciler = $1 and bits <> $2)
  select count(*)::int as ranges, coalesce(sum(rows), 0)::float8 as rows, max(checked_at)::text as "checkedAt",
    (extract(epoch from clock_timestamp() - max(checked_at)) * 1000)::float8 as "sinceCheckedMs",
    (extract(epoch from clock_timestamp() - max(full_at)) * 1000)::float8 as "sinceFullMs"
    from converge.reconcile_range where reconciler = $1 and bits = $2`;

// In version mode the clock of the full hash starts at once, so that its first rotation is spread over its whole time.
export const createRangesSql = `
  insert into converge.reconcile_range (reconciler, bits, range, full_at)
  select $1, $2, range, case $3 when 'version' then clock_timestamp() end
    from generate_series(-(1 << ($2::int - 1)), (1 << ($2::int - 1)) - 1) as range
  on conflict do nothing`;

// $3 mode, $4 number of ranges to check, $5 their maximum age, $6 and $7 the same for the full hash. A range stays due until
// it was compared. $8: the newest comparison from which the numbers were computed, $9: they depend on it. If another process has
// compared ranges since, that is their share, and this one marks none: it would compare the same again. Plan: the arrays are
// built once, each by a sort of the rows of one reconciler (1,024 by default).
const SHARE = (ranges: string): string => `case when not $9::boolean or $8::timestamptz is not distinct from
      (select max(checked_at) from converge.reconcile_range where reconciler = $1 and bits = $2) then ${ranges}::int else 0 end`;
const OLDEST_FULL = `(r.range = any(array(select range from converge.reconcile_range where reconciler = $1 and bits = $2
      order by full_at nulls first, range limit ${SHARE('$6')}))
    or coalesce(r.full_at < clock_timestamp() - $7::float8 * interval '1 millisecond', true))`;
export const markDueSql = `
  update converge.reconcile_range r set due = case when $3 = 'full' or ${OLDEST_FULL} then 'full' else 'version' end
   where r.reconciler = $1 and r.bits = $2 and r.due is distinct from 'full' and (
     r.range = any(array(select range from converge.reconcile_range where reconciler = $1 and bits = $2
       order by checked_at nulls first, range limit ${SHARE('$4')}))
     or coalesce(r.checked_at < clock_timestamp() - $5::float8 * interval '1 millisecond', true)
     or ($3 = 'version' and ${OLDEST_FULL}))`;

// Plan: `in (select unnest)` is a hashed lookup; `= any` of a parameter would be compared element by element.
const among = (value: string, parameter: string): string =>
  `${value} in (select unnest(${parameter}::int[]))`;
const FREE = `one.reconciler = $1 and one.bits = $2 and (leased_until is null or leased_until <= clock_timestamp())
  and not ${among('one.range', '$6')}`;

// $3 holder, $4 lease in ms, $5 number of ranges, $6 ranges to leave alone.
export const claimDueSql = rangeQueue.claim(
  rangeQueue.pick(`${FREE} and due is not null`, 'order by due, range limit $5'),
  '$4',
  'holder = $3',
  'one.range, due, clock_timestamp()::text as claimed_at',
);

/** Ranges that are due and held by others. $3 ranges to leave alone. */
export const heldSql = `
  select count(*)::int as held from converge.reconcile_range
   where reconciler = $1 and bits = $2 and due is not null and not ${among('range', '$3')}`;

export const releaseRangesSql = `
  update converge.reconcile_range set holder = null, leased_until = null
   where reconciler = $1 and bits = $2 and holder = $3 and range = any($4::int[])`;

// $3 holder, $4 ranges, $5 their modes, $6 their rows, $7 time of the claim. Only ranges that are still held are finished.
export const finishRangesSql = `
  update converge.reconcile_range r set
    due = null, checked_at = $7::timestamptz, rows = f.rows, holder = null, leased_until = null,
    full_at = case f.mode when 'full' then $7::timestamptz else r.full_at end
    from unnest($4::int[], $5::text[], $6::bigint[]) as f (range, mode, rows)
   where r.reconciler = $1 and r.bits = $2 and r.holder = $3 and r.range = f.range`;
