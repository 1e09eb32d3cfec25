/** The codes of a `DatabaseError`. */
export type DatabaseErrorCode =
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_LOGIN_REFUSED'
  | 'DATABASE_TLS_FAILED'
  | 'DATABASE_MISSING'
  | 'DATABASE_TOO_MANY_CONNECTIONS'
  | 'DATABASE_POOL_EXHAUSTED'
  | 'CALLER_GONE'
  | 'DATABASE_MIXED'
  | 'DATABASE_STARTING_OR_STOPPING'
  | 'DATABASE_CONNECT_FAILED'
  | 'DATABASE_SETTINGS'
  | 'COMMIT_UNKNOWN'
  | 'COMMIT_ROLLED_BACK'
  | 'TRANSACTION_REFUSED'
  | 'TRANSACTION_ENDED_EARLY'
  | 'STATEMENT_NOT_AWAITED'
  | 'MIGRATIONS_MISSING'
  | 'MIGRATION_CHANGED'
  | 'MIGRATION_OUT_OF_ORDER'
  | 'MIGRATION_FILES'
  | 'MIGRATION_LOCKED'
  | 'MIGRATION_FAILED'
  | 'POLICIES_NOT_MIGRATED';

/** The target of a connection, without secrets. */
export interface Target {
  /** The host name, or the folder of a socket. */
  readonly host: string;
  /** The port. */
  readonly port: number;
  /** The name of the database. */
  readonly database: string;
  /** The user who logs in. */
  readonly user: string;
  /** The setting of the target, and its source. @default 'DATABASE_URL' */
  readonly setting?: string;
}
