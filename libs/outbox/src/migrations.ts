import type { MigrationSet } from '@convergekit/postgres';

/** The tables outbox, source and request, and the function `converge.emit`. */
export const outboxMigrations: MigrationSet = {
  name: 'outbox',
  directory: new URL('../sql/', import.meta.url),
};
