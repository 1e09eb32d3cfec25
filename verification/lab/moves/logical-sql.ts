/** The statements of a move by logical replication, as docs/runbooks/upgrade.md has them. */

/** In the old database. Rows of children are published as rows of the outbox, whatever children the new one has. */
export const publishSql =
  'create publication converge_upgrade for all tables with (publish_via_partition_root = true)';

/** In the new database: copies every table, then follows. Its name is that of a slot, and slots are of the whole server. */
export const subscribeSql = (database: string, connection: string): string =>
  `create subscription converge_upgrade_${database} connection '${connection}' publication converge_upgrade`;

/** In the new database: the tables that are not copied yet. */
export const copyingSql = "select count(*)::int as n from pg_subscription_rel where srsubstate <> 'r'";

/** In the old database: the slots that have not sent everything that was written. */
export const behindSql = `
  select count(*)::int as n from pg_replication_slots
   where database = current_database() and slot_type = 'logical'
     and (confirmed_flush_lsn is null or confirmed_flush_lsn < $1::pg_lsn)`;

export const nowSql = 'select pg_current_wal_flush_lsn()::text as lsn';

/** In the old database: the statements that set the sequences of the new one. Sequences are not replicated. */
export const sequencesSql = `
  select format('select setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value) as sql
    from pg_sequences where last_value is not null`;

/** In the new database, after the last change has come. */
export const unsubscribeSql = (database: string): string => `drop subscription converge_upgrade_${database}`;

/** In the new database: rows of a reconciler's digest table count by transaction id, and the new cluster has its own. */
export const digestSql = `
  do $$ begin
    if to_regclass('converge.reconcile_dirty') is not null then
      update converge.reconcile_dirty set tx = pg_current_xact_id();
    end if;
  end $$`;
