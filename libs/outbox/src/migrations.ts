import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/** The tables outbox, source and request, and the function `converge.emit`. */
export const outboxMigrations: MigrationSet = {
  name: 'outbox',
  directory: ownFolder('outbox', 'sql'),
};
