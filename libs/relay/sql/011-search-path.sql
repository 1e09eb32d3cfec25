-- As every function of the kit: they find Postgres' own names under any search_path.
alter function converge.kafka_partition(text, int) set search_path = pg_catalog, pg_temp;
alter function converge.keys_between(text, int, text, text, uuid) set search_path = pg_catalog, pg_temp;
alter function converge.tick_last(bigint, xid8, bigint, timestamptz) set search_path = pg_catalog, pg_temp;
