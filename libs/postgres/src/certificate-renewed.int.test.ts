import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { authority, type Certificate, issued } from '../../testing/src/fixture/certificates.ts';
import { connect } from './connect.ts';

/** A server of its own, whose certificate is replaced while it runs. */
async function secured() {
  const folder = mkdtempSync(join(tmpdir(), 'converge-renewed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  authority(folder);
  const env = { ...process.env, DATABASE_URL: undefined, CONVERGE_STACK: 'embedded' };
  const server = await startPostgres({ env });
  onTestFinished(() => server.stop());
  const plain = connect({ url: server.databaseUrl });
  onTestFinished(() => plain.close());
  const { executor } = plain;
  /** Writes a file of the server's user, which no other may read, into the folder of its data. */
  const write = (text: string, name: string): Promise<unknown> =>
    executor.query(
      `copy (select unnest(string_to_array('${text}', E'\\n'))) to program 'umask 077; cat > ${name}'`,
    );
  const serve = async ({ certificate, privateKey }: Certificate): Promise<void> => {
    await write(privateKey, 'server.key');
    await write(certificate, 'server.crt');
    await executor.query('alter system set ssl = on');
    await executor.query('select pg_reload_conf()');
  };
  const url = new URL(server.databaseUrl);
  url.search = `?sslmode=verify-full&sslrootcert=${join(folder, 'ca.crt')}`;
  const open = () => {
    const database = connect({ url: url.href });
    onTestFinished(() => database.close());
    return database;
  };
  return { folder, serve, open };
}

const answers = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'open',
    (error: unknown) => (error as { code: string }).code,
  );

it('a pool goes on where the certificate of its server ends and is renewed: open connections stay, and the next ones are opened', async () => {
  const { folder, serve, open } = await secured();
  await serve(issued(folder, 'first'));
  await waitUntil(async () => (await answers(open().ping())) === 'open', { what: 'TLS' });
  const pool = open();
  const kept = await pool.acquire();
  onTestFinished(() => kept.release(true));
  await serve(issued(folder, 'ended', { days: -1 }));
  await waitUntil(async () => (await answers(open().ping())) === 'DATABASE_TLS_FAILED', {
    what: 'a certificate that has ended',
  });
  expect(await answers(pool.ping())).toBe('DATABASE_TLS_FAILED');
  expect((await kept.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await serve(issued(folder, 'renewed'));
  await waitUntil(async () => (await answers(pool.ping())) === 'open', { what: 'the renewed certificate' });
  expect((await kept.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
});
