-- As every function of the kit: it finds Postgres' own names under any search_path.
alter function converge.inbox_open_gaps(text) set search_path = pg_catalog, pg_temp;
