/** The outbox in transactions of your own: a pool of the kit, Kysely, plain pg, and the ORMs that the guide names. */
export { createOutbox, type Outbox, outboxMigrations, type OutboxTransaction } from '@convergekit/outbox';
export { executorFrom } from '@convergekit/outbox/orm';
export {
  connect,
  type ConnectOptions,
  type Database,
  type Executor,
  executorOf,
  migrate,
  type MigrationSet,
  withTransaction,
} from '@convergekit/postgres';
