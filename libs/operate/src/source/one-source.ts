import { requireMigrations } from '@convergekit/postgres/operate';
import { relayMigrations } from '@convergekit/relay';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { UsageError } from '../host/errors.ts';
import type { Concerned } from '../host/rights.ts';
import type { Reads, Tables } from '../registry/reads.ts';

export const tables: Tables = { migrations: [relayMigrations], table: 'converge.relay_topic' };

/** Returns the one database that an act on a source is about. Rejects where it has a part of another one's rows. */
export async function oneSource({ databases }: Pick<Reads, 'databases'>): Promise<NamedDatabase> {
  const [only, ...others] = databases;
  if (only === undefined || others.length > 0)
    throw new UsageError(
      'NOTHING_NAMED',
      `name the database of the source: ${databases.map(({ name }) => name).join(', ') || 'none has its tables'}`,
    );
  await requireMigrations(only.executor, tables.migrations);
  return only;
}

/** An act on a source concerns its database. */
export const concernedOf = ({ databases: [only, ...others] }: Pick<Reads, 'databases'>): Promise<Concerned> =>
  Promise.resolve({ database: only === undefined || others.length > 0 ? '*' : only.name });
