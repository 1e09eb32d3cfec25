/**
 * Access to Postgres. Guarantees:
 * - a dropped connection never ends the process, and a failed connect gives one clear `DatabaseError`;
 * - the kit's own statements depend on no default of the server, the database or the role: `settings.ts` sets them all;
 * - a transaction is rerun on 40001, 40P01 and a kept statement that a migration invalidated, on nothing else, and a COMMIT without an answer is reported as unknown;
 * - code of an application cannot end a transaction of the kit that it runs in, nor leave a setting in its connection;
 * - migrations are forward only, all or nothing, safe to start concurrently, and old code may run on a newer schema;
 * - a lease has one holder at a time by the database's clock, and its term increases at every acquisition;
 * - policies of the central table apply without a restart; while it is unreadable, the last valid ones apply;
 * - `int8`, `numeric` and `xid8` stay strings: no global parser is set.
 */
export { connect, type ConnectOptions, type Database } from './connect.ts';
export { withTransaction } from './transaction.ts';
export { DatabaseError, type DatabaseErrorCode } from './errors.ts';
export { type Executor, type ExecutorResult, executorOf } from './executor.ts';
export { type AppliedMigration, migrate } from './migrate.ts';
export type { MigrationSet } from './migration-files.ts';
export type { TransactionClient } from './transaction-client.ts';
export { policyWatch, type PolicyWatch, type PolicyWatchStatus } from './policy-watch.ts';
