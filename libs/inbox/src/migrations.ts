import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/** Tables inbox_*, parked, parked_key. They live in the consumer's own database, beside its outbox. */
export const inboxMigrations: MigrationSet = {
  name: 'inbox',
  directory: ownFolder('inbox', 'sql'),
};
