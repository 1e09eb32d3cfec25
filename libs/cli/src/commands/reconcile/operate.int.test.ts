import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

let copy: Database;
let env: Record<string, string>;

beforeAll(async () => {
  const server = inject('stack').databaseUrl;
  const shopUrl = await freshDatabase(server, 'shop');
  const made = await migratedDatabase(server, allMigrations, { prefix: 'copy' });
  copy = made.database;
  const shop = connect({ url: shopUrl });
  const columns = 'sku text primary key, reserved int not null, price int not null, note text not null';
  await shop.executor.query(`create table article (${columns})`);
  await shop.executor.query(
    `insert into article values ('a', 3, 10, 'x'), ('b', 4, 10, 'x'), ('c', 5, 10, 'x'), ('ok', 1, 1, 'x')`,
  );
  await shop.close();
  await copy.executor.query(`create table article (${columns}, version int not null default 1)`);
  await copy.executor.query(
    `insert into article values ('a', 0, 99, 'y'), ('b', 0, 10, 'x'), ('c', 0, 10, 'x'), ('ok', 1, 1, 'z')`,
  );
  env = {
    CONVERGE__MODULES: './libs/cli/src/fixture/article-reconciler.ts',
    CONVERGE__DATABASES__SHOP: shopUrl,
    CONVERGE__DATABASES__COPY: made.url,
  };
});
afterAll(async () => {
  await stopLeftovers();
  await copy.close();
});

const reconcile = (...words: readonly string[]) => cli(['reconcile', ...words], env);
const rows = async (text: string): Promise<unknown[]> => (await copy.executor.query(text)).rows;
const written = () =>
  rows('select sku, xmin::text from article union all select key, state from converge.reconcile_key');

describe('converge reconcile for operators', () => {
  // Seen to fail without the read-only transaction: the read of the key `writes` changes every price.
  it('`converge reconcile diff` prints each field of a key, its marks and the drift, and writes nothing', async () => {
    const before = await written();
    const { code, stdout } = await reconcile('diff', 'articles', 'a');
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      'a: divergent; mode repair',
      '  FIELD     DESIRED  ACTUAL  LAST WRITTEN',
      '  note      "x"      "y"     -             ignored',
      '  price     10       99      -             differs, observe',
      '  reserved  3        0       -             differs, owned',
      '  version   -        1       -             version',
      '  drift: {"reserved":3}',
      '1 key compared, 1 not in sync',
      '',
    ]);
    expect((await reconcile('diff', 'articles', 'writes')).stdout).toContain(
      'writes: unknown: actual could not be read: service 25006: cannot execute UPDATE in a read-only transaction',
    );
    expect(await written()).toEqual(before);
    expect(await reconcile('diff', 'articles', 'ok')).toMatchObject({ code: 0 });
  });

  it('`converge reconcile run --dry-run` prints all that differs, and writes nothing', async () => {
    const before = await written();
    const { code, stdout } = await reconcile('run', '--dry-run');
    expect(code).toBe(1);
    expect(stdout).toContain('articles:\n  a: divergent; mode repair\n');
    expect(stdout).toContain('  4 keys compared, 3 not in sync\n');
    const json = JSON.parse(
      (await reconcile('diff', 'articles', '--limit', '2', '--json')).stdout,
    ) as unknown;
    expect(json).toMatchObject({ more: true, keys: [{ key: 'a', drift: { reserved: 3 } }, { key: 'b' }] });
    expect(await written()).toEqual(before);
  });

  it('`converge reconcile run --once` says why keys wait, and when they are looked at again', async () => {
    const { code, stdout } = await reconcile('run', '--once');
    expect(code).toBe(1);
    expect(stdout).toMatch(/articles +4 +.*1 repaired/);
    const held = stdout.split('\n').filter((line) => line.startsWith('articles '));
    expect(held.slice(1)).toEqual(
      Array(2).fill(
        expect.stringMatching(
          /^articles [abc]: queued: held: the limit of repairs is reached; looked at again at \d{4}-\S+Z$/,
        ),
      ),
    );
  });

  it('`converge reconcile list` and `show` name held repairs: why, since when, and the command that approves them', async () => {
    const since = /articles: held since \d{4}-\S+Z: a window allows 1 repair .*; 2 keys wait with a drift\n/;
    const next =
      '  next: converge reconcile diff articles\n  next: converge reconcile approve articles --repairs 2 --reason …';
    for (const words of [['list'], ['show', 'articles']]) {
      const { stdout } = await reconcile(...words);
      expect(stdout).toMatch(since);
      expect(stdout).toContain(next);
    }
    expect(JSON.parse((await reconcile('list', '--json')).stdout)).toMatchObject([
      { held: { reason: expect.stringContaining('a window allows') as string }, attention: [{}] },
    ]);
  });

  it('`converge reconcile approve` lets as many repairs pass as it says, and names who, why and until when', async () => {
    const { code, stdout } = await reconcile(
      ...['approve', 'articles', '--repairs', '1', '--reason', 'a new catalogue', '--for', '30m', '--yes'],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^held was: a window allows 1 repair .*\narticles: 1 repairs approved for 30 min, until \\S+Z, by ${userInfo().username}: a new catalogue\n`,
      ),
    );
    expect((await reconcile('show', 'articles')).stdout).toMatch(
      new RegExp(`approved +1 repairs are left until \\S+Z, by ${userInfo().username}: a new catalogue\n`),
    );
    const once = JSON.parse((await reconcile('run', '--once', '--json')).stdout) as unknown;
    expect(once).toMatchObject({
      articles: { waiting: [{ state: 'queued', reason: 'held: the limit of repairs is reached' }] },
    });
    expect(
      await rows(`select count(*)::int as repaired from converge.reconcile_audit where verdict = 'repaired'`),
    ).toEqual([{ repaired: 2 }]);
  });

  it('`converge reconcile audit` lists repairs and verdicts, and one key of them; the history shows the approval', async () => {
    const { stdout } = await reconcile('audit', 'articles');
    expect(stdout).toMatch(/AT +KEY +VERDICT +BEFORE +AFTER +WHY +CAUSE +BY\n/);
    const ids = async (...flags: string[]): Promise<number[]> =>
      (JSON.parse((await reconcile('audit', 'articles', '--json', ...flags)).stdout) as { id: string }[]).map(
        ({ id }) => Number(id),
      );
    const newestFirst = (await rows(
      'select id::int from converge.reconcile_audit order by reconcile_audit.id desc',
    )) as { id: number }[];
    expect(newestFirst.length).toBeGreaterThan(1);
    expect(await ids()).toEqual(newestFirst.map(({ id }) => id));
    expect(await ids('--limit', '1')).toEqual([newestFirst[0]?.id]);
    expect((await reconcile('history', 'articles')).stdout).toContain('a new catalogue');
    // Which keys come first is open: a held key waits a jittered time.
    const [{ key }] = (await rows(
      `select key from converge.reconcile_audit where verdict = 'repaired' limit 1`,
    )) as [{ key: string }];
    const one = JSON.parse((await reconcile('audit', 'articles', key, '--json')).stdout) as {
      verdict: string;
    }[];
    expect(one.every((row) => 'key' in row && row.key === key)).toBe(true);
    expect(one).toContainEqual(
      expect.objectContaining({
        verdict: 'repaired',
        before: expect.objectContaining({ reserved: 0, version: 1 }) as object,
        after: expect.objectContaining({ version: 2 }) as object,
      }),
    );
  });

  it('`converge reconcile retry` lets a key that was left to an operator start again, with its reason as the cause', async () => {
    await copy.executor.query(
      `insert into converge.reconcile_key (reconciler, key, state, priority, next_at, cause, repairs) values ('articles', 'ok', 'terminal', 3, now(), 'x', 9)`,
    );
    const { code, stdout } = await reconcile(
      'retry',
      'articles',
      'ok',
      '--reason',
      'the other writer is stopped',
    );
    expect([code, stdout]).toEqual([0, 'ok: compared next\n1 key of articles retried\n']);
    expect(
      await rows(`select state, priority, repairs, cause from converge.reconcile_key where key = 'ok'`),
    ).toEqual([
      {
        state: 'queued',
        priority: 0,
        repairs: 0,
        cause: `operator ${userInfo().username}: the other writer is stopped`,
      },
    ]);
  });

  it('an error names the next command, and that command runs', async () => {
    const typo = await reconcile('diff', 'artikles');
    expect(typo).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean articles?') as string,
    });
    await copy.executor.query(`update converge.reconciler set held_at = null, held_reason = null`);
    const none = await reconcile('approve', 'articles', '--repairs', '1', '--reason', 'x');
    expect(none).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no repair of articles is held') as string,
    });
    for (const { stderr } of [typo, none]) {
      const [, next = ''] = /`converge ([^`]+)`/.exec(stderr) ?? [];
      expect([0, 1]).toContain((await cli(next.split(' '), env)).code);
    }
  });

  // It said "there is no reconciler articles", although it runs.
  it('a name that the database of DATABASE_URL does not know is answered with where its rows are', async () => {
    const history = (url: string | undefined) =>
      cli(['reconcile', 'history', 'articles'], { DATABASE_URL: url ?? '' });
    const { CONVERGE__DATABASES__COPY: actual } = env;
    expect(await history(actual)).toMatchObject({ code: 0 });
    const { url: desired, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
    await database.close();
    expect(await history(desired)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /no reconciler articles in \S+: .* Its rows are in the database that it repairs: give CONVERGE__DATABASES__<NAME>/,
      ) as string,
    });
  });

  it.each([
    [['approve', 'articles', '--reason', 'x'], 'give --repairs <repairs>, or the keys as --key <key>'],
    [['approve', 'articles', '--repairs', '0', '--reason', 'x'], 'It must be a whole number from 1'],
    [
      ['approve', 'articles', '--repairs', '1', '--reason', 'x', '--for', 'soon'],
      'It must be a time span, as 90s, 30m, 2h or 1d',
    ],
    [['run', '--once', '--dry-run'], 'cannot be used with'],
  ])('`converge reconcile %j` is refused in one line', async (words, text) => {
    const { code, stderr } = await reconcile(...words);
    expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
  });
});
