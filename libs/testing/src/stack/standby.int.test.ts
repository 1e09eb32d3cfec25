import { connect } from '@convergekit/postgres';
import { expect, it, onTestFinished } from 'vitest';
import { pgbouncerMissing } from '../../../cli/src/fixture/pgbouncer.ts';
import { standbyOf } from '../fixture/standby.ts';
import { waitUntil } from '../wait-until.ts';
import { embeddedPgbouncer, embeddedPostgres } from './embedded.ts';
import { follow, promote, setSynchronous } from './standby.ts';

function open(url: string) {
  const database = connect({ url, connectTimeoutMs: 2_000, onIdleError: () => undefined });
  onTestFinished(() => database.close());
  return database.executor;
}

async function startPrimary() {
  const server = await embeddedPostgres();
  onTestFinished(() => server.dispose());
  await server.start();
  return server;
}

it('a standby that is made under writes has every commit that waited for it, is promoted, and the old primary follows it', async () => {
  const primary = await startPrimary();
  const before = open(primary.address);
  await before.query('create table written (n int)');
  const enough = new AbortController();
  const writer = (async () => {
    for (let n = 0; !enough.signal.aborted; n += 1)
      await before.query('insert into written values ($1)', [n]);
  })();
  const standby = await standbyOf(primary, onTestFinished);
  await setSynchronous(primary, true);
  enough.abort();
  await writer;
  await before.query('insert into written values (-1)');
  const { rows } = await before.query('select n from written order by n');
  await primary.kill();
  await promote(standby);
  const after = open(standby.address);
  expect((await after.query('select n from written order by n')).rows).toEqual(rows);
  await primary.start();
  await before.query('insert into written values (-2)');

  await follow(primary, standby);
  await setSynchronous(standby, true);
  await after.query('insert into written values (-3)');
  const seen = async () => (await before.query('select n from written where n < 0 order by n')).rows;
  await waitUntil(async () => (await seen()).length === 2, { what: 'the old primary to follow' });
  // What only the old primary had is gone.
  expect(await seen()).toEqual([{ n: -3 }, { n: -1 }]);
  await expect(before.query('insert into written values (-4)')).rejects.toMatchObject({ code: '25006' });
});

it('a PgBouncer is killed, started at the same address, and pointed at the standby without a restart', async () => {
  expect(pgbouncerMissing()).toBeUndefined();
  const one = await startPrimary();
  const other = await standbyOf(one, onTestFinished);
  const pooler = await embeddedPgbouncer({ url: one.address });
  onTestFinished(() => pooler.server.dispose());
  await pooler.server.start();
  const executor = open(pooler.through(one.address));
  const portBehind = async (): Promise<number> => {
    const { rows } = await executor.query<{ port: number }>("select current_setting('port')::int as port");
    return rows[0]?.port ?? 0;
  };
  expect(await portBehind()).toBe(one.port);
  await pooler.server.kill();
  await expect(portBehind()).rejects.toThrow();
  await pooler.server.start();
  expect(await portBehind()).toBe(one.port);
  pooler.reload({ url: other.address });
  await waitUntil(async () => (await portBehind()) === other.port, { what: 'the standby behind it' });
});
