// Non-UTF8 databases hash the bytes of UTF-8, as the scans do. One row for each call: no lock, no conflict.
export const markDirtySql = `
  insert into converge.reconcile_dirty (reconciler, hashes)
  select $1, array_agg(hashtextextended(case when getdatabaseencoding() in ('UTF8', 'SQL_ASCII') then key
      else convert_from(convert_to(key, 'UTF8'), getdatabaseencoding()) end collate "C", 0))
    from unnest($2::text[]) as key`;

export const lastReportSql = `
  select pg_current_snapshot()::text as snapshot, coalesce(max(id), 0)::text as last, coalesce(sum(cardinality(hashes)), 0)::text as reported
    from converge.reconcile_dirty where reconciler = $1`;

// Reads the reports up to $2 in the order of their ids, until they have $3 keys. It precedes the snapshots of both sides: a report
// that is visible here belongs to a change that both of them see. Plan: the primary key, up to the limit.
export const readReportsSql = `
  with reports as materialized (
    select id, hashes, hot_since from (
      select id, hashes, hot_since, sum(cardinality(hashes)) over (order by id) - cardinality(hashes) as before
        from converge.reconcile_dirty where reconciler = $1 and id <= $2::bigint) as counted
     where before < $3)
  select pg_current_snapshot()::text as snapshot, (select max(id)::text from reports) as last,
    array(select distinct hash from reports, unnest(hashes) as hash order by 1)::text as hashes,
    (select coalesce(json_object_agg(hash, ms), '{}') from (
      select hash, max(extract(epoch from clock_timestamp() - hot_since)) * 1000 as ms
        from reports, unnest(hashes) as hash where hot_since is not null group by hash) as h) as hot`;

/** Removes the reports up to $2 that were visible in the snapshot $3; those of hot keys only if $4. */
export const removeReportsSql = `
  delete from converge.reconcile_dirty
   where reconciler = $1 and id <= $2::bigint and pg_visible_in_snapshot(tx, $3::pg_snapshot) and ($4 or hot_since is null)`;

/** Reports hot keys again, $2 with the time since when each differs, $3 in ms ago. */
export const deferHotSql = `
  insert into converge.reconcile_dirty (reconciler, hashes, hot_since)
  select $1, array[hash], clock_timestamp() - ms * interval '1 millisecond'
    from unnest($2::bigint[], $3::float8[]) as h (hash, ms)`;
