import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

/** Makes an empty database on the server and returns its URL. `prefix` shows in `pg_stat_activity`. */
export async function freshDatabase(serverUrl: string, prefix = 'test'): Promise<string> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
