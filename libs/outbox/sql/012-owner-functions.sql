-- Functions that run as the owner are for the relays that were granted them. Postgres lets everyone execute a new function, and
-- usage on the schema is what every writer has.
revoke execute on function converge.outbox_add_child(int, bigint), converge.outbox_remove_child(text) from public;
