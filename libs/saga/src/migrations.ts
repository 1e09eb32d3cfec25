import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/**
 * Tables of sagas, calls and workflows. They belong in the database of a service that calls others, beside its inbox and outbox.
 * @example
 * ```ts
 * import { migrate, outboxMigrations } from 'convergekit/postgres';
 * import { inboxMigrations, sagaMigrations } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * await migrate(database, [outboxMigrations, inboxMigrations, sagaMigrations]);
 * ```
 */
export const sagaMigrations: MigrationSet = {
  name: 'saga',
  directory: ownFolder('saga', 'sql'),
};
