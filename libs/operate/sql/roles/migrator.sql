set search_path = pg_catalog, pg_temp;
-- converge_migrator: the login that runs `converge migrate`, `converge source rebase` and these files. It owns the schema
-- and its tables, so it may do anything to them: use it for deployments only.
do $$ begin create role converge_migrator nologin; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin execute format('grant create on database %I to converge_migrator', current_database()); end $$;
reset search_path;
