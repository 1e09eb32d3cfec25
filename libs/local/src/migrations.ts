import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/** The tables of the log, in the schema `converge_log`. */
export const localMigrations: MigrationSet = {
  name: 'local',
  directory: ownFolder('local', 'sql'),
};
