import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/**
 * The tables of this package: ticks, cursors, topics. Apply after `outboxMigrations`.
 * @example
 * ```ts
 * import { migrate, outboxMigrations } from 'convergekit/postgres';
 * import { relayMigrations } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * await migrate(database, [outboxMigrations, relayMigrations]);
 * ```
 */
export const relayMigrations: MigrationSet = {
  name: 'relay',
  directory: ownFolder('relay', 'sql'),
};
