/** An order as a service keeps it: a text key, six values. `rows` orders, the same in each database. */
export const ordersSql = (rows: number): readonly string[] => [
  `create table orders (key text primary key, customer bigint not null, amount numeric(12, 2) not null, state text not null,
     version bigint not null, updated_at timestamptz not null, note text)`,
  `insert into orders select 'order-' || lpad(i::text, 9, '0'), i % 50000, (i % 100000) / 100.0,
     (array['new', 'paid', 'sent', 'done'])[1 + i % 4], 1 + i % 7, timestamptz '2026-01-01' + i * interval '1 second', 'note ' || i
     from generate_series(1, ${rows}) i`,
  `create index orders_key_hash on orders (hashtextextended(key::text collate "C", 0))`,
  'vacuum analyze orders',
];

/** Three differences on the actual side: a changed row, a missing one, one too many. */
export const DIFFERENCES = [
  `update orders set amount = amount + 1 where key = 'order-000012345'`,
  `delete from orders where key = 'order-000054321'`,
  `insert into orders select 'order-999999999', customer, amount, state, version, updated_at, note from orders where key = 'order-000000001'`,
];
export const DIFFERENT = ['order-000012345', 'order-000054321', 'order-999999999'];

/** One percent of the keys, chosen at random. */
export const SAMPLE = 'select key from orders tablesample bernoulli (1)';
export const CHANGE = `update orders set version = version + 1, state = 'changed' where key = any($1::text[])`;

/** The state of a database that is hidden by a snapshot, and the connection that holds it. */
export const HOLD_SNAPSHOT = [
  'begin isolation level repeatable read',
  'select 1 from pg_catalog.pg_class limit 1',
];

export const QUEUE_TABLES = `create table item (key text primary key, wanted int not null, present int not null, version int not null default 1)`;
export const fillItems = (keys: number): string =>
  `insert into item select 'key-' || i, i, i from generate_series(1, ${keys}) i`;

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
