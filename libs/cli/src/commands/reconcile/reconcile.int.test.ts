import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { root } from '../../fixture/root.ts';

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
    CONVERGE__MODULES: module,
    CONVERGE__DATABASES__SHOP: shopUrl,
    CONVERGE__DATABASES__COPY: copyUrl,
  };
  expect(await cli(['reconcile', 'run', '--once'], env)).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('run `converge migrate` first') as string,
  });
  expect(await cli(['migrate'], { DATABASE_URL: copyUrl })).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await stopLeftovers();
  await copy.close();
});

async function amount(): Promise<number | undefined> {
  const { rows } = await copy.executor.query<{ amount: number }>(`select amount from stock where sku = 'b'`);
  return rows[0]?.amount;
}

describe('converge reconcile', () => {
  it('`converge reconcile list` lists what the modules declare, without a connection', async () => {
    const { code, stdout } = await cli(['reconcile', 'list', module], {});
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /NAME +MODE +SCHEDULE +LAST RUN +NEXT RUN +STATE +QUEUED +PENDING +TERMINAL +COMPARES\n/,
    );
    expect(stdout).toMatch(
      /stock-copy +repair +\* \* \* \* \* \* \(UTC\) .*Z +its database is not in the settings .* shop → copy\n/,
    );
  });

  it('`converge reconcile` runs once, repairs the drift and reports the outcomes', async () => {
    const ended = await cli(['reconcile', 'run', '--once', '--json'], env);
    expect(ended).toMatchObject({ code: 0 });
    expect(JSON.parse(ended.stdout)).toMatchObject({ 'stock-copy': { keys: 2, outcomes: { repaired: 1 } } });
    expect(await amount()).toBe(2);
  });

  it('C6, S40, G7g: `converge reconcile run` runs on its schedule until it is stopped', async () => {
    await copy.executor.query(`update stock set amount = 77 where sku = 'b'`);
    await copy.executor.query(
      `insert into converge.workflow (workflow, id, input, state, stuck_reason) values ('import', 'w1', '{}', 'stuck', 'outcome_unknown')`,
    );
    const service = startedCli(['reconcile', 'run'], {
      ...env,
      CONVERGE__RECONCILE__SCANS__EVERY_MS: '1000',
    });
    await waitUntil(async () => (await amount()) === 2, { what: 'the repair' });

    // Readiness names each reconciler, and the metrics have its schedule.
    const port = service.logs().find((line) => 'healthPort' in line)?.['healthPort'] as number;
    const health = async (path: string): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    expect(JSON.parse(await health('/readyz'))).toMatchObject({ checks: { 'stock-copy': { ok: true } } });
    expect(await health('/metrics')).toMatch(
      /converge_reconcile_next_run_seconds\{[^}]*"stock-copy"[^}]*\} -?[01]/,
    );

    // The scans are on: what stands still in a journal is reported, with the next command.
    const overdue = (): boolean => service.logs().some((line) => line['alarm'] === 'journal_overdue');
    await waitUntil(overdue, { what: 'the alarm of the scan' });

    // An operator acts on the running process from a terminal.
    const shown = await cli(['reconcile', 'list'], env);
    expect(shown.stdout).toMatch(/stock-copy .*Z +\S+Z +running +\d+ +\d+ +0 +shop → copy/);
    const paused = await cli(['reconcile', 'pause', 'stock-copy', '--reason', 'stocktaking'], env);
    expect(paused).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('`converge reconcile resume stock-copy`') as string,
    });
    await copy.executor.query(`update stock set amount = 55 where sku = 'b'`);
    const { stdout: state } = await cli(['reconcile', 'show', 'stock-copy'], env);
    expect(state).toMatch(/state +paused by \S+: stocktaking\n/);
    expect(state).toMatch(/next: converge reconcile resume stock-copy\n/);
    expect(await cli(['reconcile', 'run', 'stock-copy', '--now'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/stock-copy: paused by .*\(stocktaking\): nothing was run/) as string,
    });
    expect(await cli(['reconcile', 'pause', 'stock-copy', '--reason', 'again'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('paused already, by') as string,
    });
    expect(await amount()).toBe(55);
    expect(await cli(['reconcile', 'resume', 'stock-copy'], env)).toMatchObject({ code: 0 });
    expect(await cli(['reconcile', 'run', 'stock-copy', '--now', '--json'], env)).toMatchObject({
      code: 0,
    });
    const history = async () =>
      (
        JSON.parse((await cli(['reconcile', 'history', 'stock-copy', '--json'], env)).stdout) as {
          readonly entries: readonly { kind: string; cause?: string; state?: string }[];
        }
      ).entries;
    await waitUntil(
      async () => (await history()).some(({ cause, state }) => cause === 'run now' && state === 'completed'),
      { what: 'the requested run' },
    );
    // A run is completed when its keys are listed: they are compared after that.
    await waitUntil(async () => (await amount()) === 2, { what: 'the repair of the requested run' });
    expect(await service.stop()).toMatchObject({ code: 0 });
  });

  it('`converge reconcile` finds a reconciler by its rows where no module declares it, and suggests the nearest name', async () => {
    const bare = { DATABASE_URL: env['CONVERGE__DATABASES__COPY'] ?? '' };
    expect(await cli(['reconcile', 'history', 'stock-copy', '--limit', '1'], bare)).toMatchObject({
      code: 0,
    });
    expect(await cli(['reconcile', 'show', 'stok-copy'], bare)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no reconciler stok-copy. Did you mean stock-copy?') as string,
    });
    // An operator has no modules: what no module declares here has no schedule to show, and is not said to have none.
    const { stdout: state } = await cli(['reconcile', 'show', 'stock-copy'], bare);
    expect(state).toMatch(/mode +not declared in the modules of the settings\n/);
    expect(state).not.toContain('when reported');
    const listed = await cli(['reconcile', 'list'], bare);
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringMatching(/^stock-copy +- +- /m)]);
    expect(await cli(['reconcile', 'run', '--now'], bare)).toMatchObject({ code: 2 });
    expect(await cli(['reconcile', 'show', 'stock-copy'], {})).toMatchObject({ code: 78 });
  });

  it('a folder is loaded module by module, and an index beside them does not double its reconcilers', async () => {
    const folder = await mkdtemp(join(root, '.reconcilers-'));
    try {
      const example = `export * from '${join(root, module)}';\n`;
      await writeFile(join(folder, 'stock.ts'), example);
      await writeFile(join(folder, 'index.js'), example);
      await writeFile(join(folder, 'stock.test.ts'), `throw new Error('a test is no module');\n`);
      const relative = `./${basename(folder)}`;
      const { stdout } = await cli(['reconcile', 'list', relative, '--json'], {});
      expect(JSON.parse(stdout)).toMatchObject([{ name: 'stock-copy' }]);
      const again = `import { stockReconciler } from '${join(root, module)}';\nexport const again = { ...stockReconciler };\n`;
      await writeFile(join(folder, 'twice.js'), again);
      expect(await cli(['reconcile', 'list', relative], {})).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('two reconcilers are named stock-copy, in ./') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('a package is loaded by its name', async () => {
    const { code, stderr } = await cli(['reconcile', 'list', '@convergekit/resilience'], {});
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exports no reconciler') as string,
    });
  });

  it.each([
    [78, [], {}, 'no module with reconcilers is named'],
    // Planted fault: a reconciler without `export` was reported as a module that is not named.
    [78, [], { CONVERGE__MODULES: './libs/cli/src/frame/output.ts' }, 'output.ts exports no reconciler'],
    [2, ['./nope.ts'], {}, 'module ./nope.ts does not exist'],
    [78, ['no-such-package'], {}, "cannot be loaded: Cannot find package 'no-such-package'"],
    [
      2,
      ['./libs/operate/sql/roles'],
      {},
      'folder ./libs/operate/sql/roles has no .js, .mjs, .ts or .mts file',
    ],
    [78, ['no-such-package'], {}, 'install the package, or name a file'],
    [2, ['./libs/cli/src/frame/output.ts'], {}, 'exports no reconciler'],
    [78, [module], {}, 'CONVERGE__DATABASES__SHOP=postgres://…'],
  ])('`converge reconcile` exits with %i for %j, in one line', async (exit, modules, settings, text) => {
    const { code, stderr } = await cli(['reconcile', 'run', ...modules], settings);
    expect(code).toBe(exit);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(text)]);
  });
});
