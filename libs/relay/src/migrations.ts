import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/** The tables of this package: ticks, cursors, topics. Apply after `outboxMigrations`. */
export const relayMigrations: MigrationSet = {
  name: 'relay',
  directory: ownFolder('relay', 'sql'),
};
