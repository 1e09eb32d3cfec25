import type { MigrationSet } from '@convergekit/postgres';

/** Table saga_work. It belongs into the database of every service that calls others, beside its inbox and outbox. */
export const sagaMigrations: MigrationSet = {
  name: 'saga',
  directory: new URL('../sql/', import.meta.url),
};
