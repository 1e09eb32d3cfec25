import type { MigrationSet } from '@convergekit/postgres';

/** Tables reconcile_key, reconciler and reconcile_audit. They belong into every database that a reconciler repairs. */
export const reconcileMigrations: MigrationSet = {
  name: 'reconcile',
  directory: new URL('../sql/', import.meta.url),
};
