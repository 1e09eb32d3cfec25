import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { MigrationSet } from '@convergekit/postgres';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { sagaMigrations } from '@convergekit/saga';

/** Everything that `converge migrate` applies, in order of dependence. */
export const allMigrations: readonly MigrationSet[] = [
  outboxMigrations,
  relayMigrations,
  inboxMigrations,
  reconcileMigrations,
  sagaMigrations,
];
