import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { killLeftovers, runCli, start } from '../../fixture/cli-process.ts';

const module = './libs/cli/src/fixture/example-reconciler.ts';
let copy: Database;
let env: Record<string, string>;

beforeAll(async () => {
  const server = inject('stack').databaseUrl;
  const [shopUrl, copyUrl] = [await freshDatabase(server, 'shop'), await freshDatabase(server, 'copy')];
  const shop = connect({ url: shopUrl });
  copy = connect({ url: copyUrl });
  await shop.executor.query(`create table stock (sku text primary key, amount int not null)`);
  await shop.executor.query(`insert into stock values ('a', 1), ('b', 2)`);
  await shop.close();
  await copy.executor.query(`create table stock (sku text primary key, amount int not null)`);
  await copy.executor.query(`insert into stock values ('a', 1), ('b', 99)`);
  env = {
    CONVERGE__RECONCILE__MODULES: module,
    CONVERGE__RECONCILE__DATABASES__SHOP: shopUrl,
    CONVERGE__RECONCILE__DATABASES__COPY: copyUrl,
  };
  expect(await runCli(['reconcile', 'run', '--once'], env)).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('run `converge migrate` first') as string,
  });
  expect(await runCli(['migrate'], { DATABASE_URL: copyUrl })).toMatchObject({ code: 0 });
});
afterAll(async () => {
  killLeftovers();
  await copy.close();
});

async function amount(): Promise<number | undefined> {
  const { rows } = await copy.executor.query<{ amount: number }>(`select amount from stock where sku = 'b'`);
  return rows[0]?.amount;
}

describe('converge reconcile', () => {
  it('`converge reconcile list` lists what the modules declare, without a connection', async () => {
    const { code, stdout } = await runCli(['reconcile', 'list', module], {});
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /NAME +MODE +SCHEDULE +NEXT RUN +COMPARES\nstock-copy +repair +\* \* \* \* \* \* \(UTC\) +\S+Z +shop → copy\n/,
    );
  });

  it('`converge reconcile` runs once, repairs the drift and reports the outcomes', async () => {
    const ended = await runCli(['reconcile', 'run', '--once', '--json'], env);
    expect(ended).toMatchObject({ code: 0 });
    expect(JSON.parse(ended.stdout)).toMatchObject({ 'stock-copy': { keys: 2, outcomes: { repaired: 1 } } });
    expect(await amount()).toBe(2);
  });

  it('`converge reconcile` runs as the sidecar on its schedule until SIGTERM', async () => {
    await copy.executor.query(`update stock set amount = 77 where sku = 'b'`);
    const service = start(['node', '--conditions=source', 'services/reconciler/src/main.ts'], env);
    await waitUntil(async () => (await amount()) === 2, { what: 'the repair' });
    service.child.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0 });
  });

  it.each([
    [[], {}, 'no module with reconcilers is named'],
    [['./nope.ts'], {}, 'module ./nope.ts does not exist'],
    [['no-such-package'], {}, "cannot be loaded: Cannot find package 'no-such-package'"],
    [['./libs/cli/src/frame/output.ts'], {}, 'exports no reconciler'],
    [[module, module], {}, 'two reconcilers are named stock-copy'],
    [[module], {}, 'CONVERGE__RECONCILE__DATABASES__SHOP=postgres://…'],
  ])('`converge reconcile` refuses %j in one line', async (modules, settings, text) => {
    const { code, stderr } = await runCli(['reconcile', 'run', ...modules], settings);
    expect(code).toBe(78);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(text)]);
  });
});
