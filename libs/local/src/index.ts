/**
 * Local mode: the broker port over a log in Postgres, for development, tests and small systems. Guarantees:
 * - it passes the contract suite of the port: relay, consumers, sagas and the CLI are the same code as on Kafka;
 * - an append is one statement: its row lock gives offsets without gaps, and readers see committed records only;
 * - members of groups are judged by the database's clock, and a commit of an earlier generation is refused;
 * - records leave by whole children of a day, when the retention of their topics has passed; nothing is deleted by row.
 */
export { localBroker, type LocalOptions } from './local-broker.ts';
export { localMigrations } from './migrations.ts';
