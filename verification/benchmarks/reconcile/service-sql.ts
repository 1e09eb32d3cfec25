/** What the service has besides its orders: lines, as its transactions add them. */
export const SERVICE_TABLES = [
  'create table line (order_key text not null, sku text not null, at timestamptz not null default clock_timestamp())',
];

/** Orders whose state a bad script changes, `count` of them, beginning behind a key. */
export const DRIFT = `
  update orders set state = 'drifted', version = version + 1
   where key in (select key from orders where key > $1 order by key limit $2) returning key`;

/** What a reconciler still has to do, and what it did. */
export const PROGRESS = `
  select (select count(*)::int from converge.reconcile_key where state in ('queued', 'running')) as waiting,
         (select count(*)::int from converge.reconcile_dirty) as reported,
         (select count(*)::int from converge.reconciler, json_to_recordset(ranges) as r (due text, "checkedAt" float8)
           where due is not null or "checkedAt" is null) as due,
         (select coalesce(sum(json_array_length(ranges)), 0)::int from converge.reconciler) as ranges,
         (select count(*)::int from converge.reconcile_audit where verdict = 'repaired') as repairs`;
