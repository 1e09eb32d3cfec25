import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/**
 * Tables inbox_*, parked, parked_key. They live in the consumer's own database, beside its outbox.
 * @example
 * ```ts
 * import { migrate } from 'convergekit/postgres';
 * import { inboxMigrations } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * await migrate(database, [inboxMigrations]);
 * ```
 */
export const inboxMigrations: MigrationSet = {
  name: 'inbox',
  directory: ownFolder('inbox', 'sql'),
};
