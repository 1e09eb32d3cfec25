import { freshDatabase } from '@convergekit/testing';
import { Client } from 'pg';
import { dropDatabase, withClient } from '../../sides/side.ts';
import { BUSINESS_TABLES, type Owner } from '../business-sql.ts';
import type { SagaPlace } from './side.ts';

const OWNERS: readonly Owner[] = ['orders', 'stock', 'warehouse'];

/** Databases by the name of the service. In layout A all names have the same URL. */
export type Urls<Name extends string> = Readonly<Record<Name, string>>;

/**
 * Makes one database for all names (layout A), or one for each (layout B), with the business tables. The clean-up of the
 * run drops those that a side which did not open has left.
 */
export async function makeDatabases<Name extends string>(
  { serverUrl, cleanup }: Pick<SagaPlace, 'serverUrl' | 'cleanup'>,
  names: readonly (Name | Owner)[],
  shared: boolean,
): Promise<Urls<Name | Owner>> {
  const urls: Partial<Record<Name | Owner, string>> = {};
  cleanup.add(() => dropDatabases(serverUrl, urls));
  let common: string | undefined;
  for (const name of names) {
    if (shared) common ??= await freshDatabase(serverUrl, 'bench_saga');
    urls[name] = common ?? (await freshDatabase(serverUrl, `bench_saga_${name}`));
  }
  // Every name has got its URL in the loop.
  const made = urls as Urls<Name | Owner>;
  for (const owner of OWNERS) await withClient(made[owner], (client) => client.query(BUSINESS_TABLES[owner]));
  return made;
}

export async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export async function dropDatabases(
  serverUrl: string,
  urls: Readonly<Partial<Record<string, string>>>,
): Promise<void> {
  for (const url of new Set(Object.values(urls))) if (url !== undefined) await dropDatabase(serverUrl, url);
}
