import type { ConsumerDefinition } from '@convergekit/inbox';
import type { Database } from '@convergekit/postgres';

/** A service under test: its own database, and the consumers that run on it. */
export interface ServiceUnderTest<DB = unknown> {
  /** Migrated, with the tables of the service. The service must not run elsewhere meanwhile. */
  readonly database: Database<DB>;
  /** The consumers of the service, as `defineService` has them. */
  readonly consumers: readonly ConsumerDefinition<DB>[];
}

/** Services with the tables of each. */
export type ServicesUnderTest<DBs extends readonly unknown[]> = {
  readonly [At in keyof DBs]: ServiceUnderTest<DBs[At]>;
};

/** Drops the types of the tables. A consumer gets only the database of its own service, so they are not needed. */
export function withoutTables<DBs extends readonly unknown[]>(
  services: ServicesUnderTest<DBs>,
): readonly ServiceUnderTest[] {
  return services;
}
