import type { MigrationSet } from 'convergekit/postgres';
import { effectMigrations } from '@convergekit/service-common';

const set = (name: string): MigrationSet => ({
  name: `transfers-${name}`,
  directory: new URL(`../sql/${name}/`, import.meta.url),
});

export type Bank = 'giro' | 'savings';

/** The banks' own tables, one database per bank. The kit's migrations run before them. */
export const transferMigrations: Readonly<Record<Bank, readonly MigrationSet[]>> = {
  giro: [effectMigrations, set('accounts'), set('giro')],
  savings: [effectMigrations, set('accounts')],
};
