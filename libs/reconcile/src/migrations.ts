import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/**
 * The tables reconcile_key, reconciler and reconcile_audit, for every database that a reconciler repairs.
 * @example
 * ```ts
 * import { migrate } from 'convergekit/postgres';
 * import { reconcileMigrations } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * await migrate(database, [reconcileMigrations]); // the database that a reconciler repairs
 * ```
 */
export const reconcileMigrations: MigrationSet = {
  name: 'reconcile',
  directory: ownFolder('reconcile', 'sql'),
};
