-- Without it in the list, the session's temporary schema comes first.
alter function converge.policy_before() set search_path = pg_catalog, pg_temp;
alter function converge.policy_after() set search_path = pg_catalog, pg_temp;
