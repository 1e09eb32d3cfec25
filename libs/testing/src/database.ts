import { randomBytes } from 'node:crypto';
import { connect } from '@convergekit/postgres';

/** Makes an empty database on the server of `serverUrl` and returns its URL. `prefix` shows in its name. */
export async function freshDatabase(serverUrl: string, prefix = 'test'): Promise<string> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  const server = connect({ url: serverUrl, applicationName: 'converge-testing', max: 1 });
  try {
    await server.executor.query(`create database "${name}"`);
  } finally {
    await server.close();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
