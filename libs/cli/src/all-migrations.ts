import { inboxMigrations } from '@converge/inbox';
import { outboxMigrations } from '@converge/outbox';
import type { MigrationSet } from '@converge/postgres';
import { reconcileMigrations } from '@converge/reconcile';
import { relayMigrations } from '@converge/relay';
import { sagaMigrations } from '@converge/saga';

/** Everything that `converge migrate` applies, in order of dependence. */
export const allMigrations: readonly MigrationSet[] = [
  outboxMigrations,
  relayMigrations,
  inboxMigrations,
  reconcileMigrations,
  sagaMigrations,
];
