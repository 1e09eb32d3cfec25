import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/**
 * The tables outbox, source and request, and the function `converge.emit`.
 * @example
 * ```ts
 * import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
 *
 * const database = connect({ url: process.env['DATABASE_URL'] });
 * await migrate(database, [outboxMigrations]); // a service of `defineService()` does it by `converge migrate`
 * ```
 */
export const outboxMigrations: MigrationSet = {
  name: 'outbox',
  directory: ownFolder('outbox', 'sql'),
};
