import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { cli } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { DUTIES, roleSql } from '../../../../operate/src/roles/role-files.ts';

const login = `reconciler_${randomBytes(5).toString('hex')}`;
const columns = 'sku text primary key, reserved int not null, price int not null, note text not null';

/** A database of the kit with articles, and its address for the login. */
async function opened(prefix: string, more: string): Promise<{ database: Database; url: string }> {
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix });
  onTestFinished(() => made.database.close());
  const { executor } = made.database;
  for (const duty of DUTIES) await executor.query(roleSql(duty));
  await executor.query(`create table article (${columns}${more})`);
  await executor.query(`grant select, insert, update, delete on article to ${login}`);
  const url = new URL(made.url);
  url.username = login;
  url.password = 'secret';
  return { database: made.database, url: url.href };
}

it('N7, G1i: `converge reconcile run` needs no right beyond those of the duty reconciler and its own tables', async () => {
  const server = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  onTestFinished(() => server.database.close());
  for (const duty of DUTIES) await server.database.executor.query(roleSql(duty));
  await server.database.executor.query(`create role ${login} login password 'secret'`);
  await server.database.executor.query(`grant converge_reconciler to ${login}`);
  const shop = await opened('shop', '');
  const copy = await opened('copy', ', version int not null default 1');
  await shop.database.executor.query(`insert into article values ('a', 3, 10, 'x'), ('b', 4, 10, 'x')`);
  await copy.database.executor.query(`insert into article values ('a', 0, 10, 'x'), ('b', 4, 10, 'x')`);
  const { code, stdout, stderr } = await cli(['reconcile', 'run', '--once', '--json'], {
    CONVERGE__MODULES: './libs/cli/src/fixture/article-reconciler.ts',
    CONVERGE__DATABASES__SHOP: shop.url,
    CONVERGE__DATABASES__COPY: copy.url,
  });
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('permission denied')]);
  expect(JSON.parse(stdout)).toMatchObject({ articles: { outcomes: { repaired: 1, in_sync: 1 } } });
});
