import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

let env: Record<string, string>;

beforeAll(async () => {
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  await database.close();
  env = { DATABASE_URL: url };
});
afterAll(stopLeftovers);

const policy = (args: readonly string[], more: Record<string, string> = {}) =>
  cli(['policy', ...args], { ...env, ...more });

describe('converge policy', () => {
  it('`converge policy set` changes the central table with a reason, over file and environment, and the history names the operator', async () => {
    const change = ['set', 'payment.charge', 'attempts=2', 'backoff.capMs=500', '--unlisted'];
    expect(await policy(change)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--reason') as string,
    });
    const looked = await policy([...change, '--dry-run']);
    expect(looked).toMatchObject({ code: 0, stdout: expect.stringContaining('would change') as string });
    expect((await policy(['history'])).stdout).toBe('no policy was changed here\n');

    expect(await policy([...change, '--reason', 'the bank is slow', '--yes'])).toMatchObject({ code: 0 });
    const environment = {
      CONVERGE__POLICIES__PAYMENT__ATTEMPTS: '5',
      CONVERGE__POLICIES__PAYMENT__BACKOFF__CAP_MS: '9000',
    };
    const shown = JSON.parse(
      (await policy(['show', 'payment.charge', '--json'], environment)).stdout,
    ) as unknown;
    expect(shown).toMatchObject({
      policy: { attempts: 2, backoff: { capMs: 500 } },
      rules: [
        { source: 'environment', rule: 'payment', change: { attempts: 5, backoff: { capMs: 9_000 } } },
        { source: 'central table', rule: 'payment.charge' },
      ],
    });
    const history = JSON.parse((await policy(['history', 'payment.charge', '--json'])).stdout) as unknown;
    expect(history).toMatchObject([
      {
        before: null,
        after: { attempts: 2 },
        reason: 'the bank is slow',
        changedBy: expect.any(String) as string,
      },
    ]);
  });

  it('`converge policy set` refuses a rule that is invalid alone or with the configuration, and changes nothing', async () => {
    const set = (...fields: string[]) => policy(['set', 'stock', ...fields, '--reason', 'r', '--yes']);
    expect(await set('attempts=many')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('stock.attempts') as string,
    });
    const together = await policy(['set', 'stock', 'attempts=100', '--reason', 'r', '--yes']);
    expect(together).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('raise deadlineMs') as string,
    });
    expect((await policy(['history', 'stock'])).stdout).toBe('no policy was changed here\n');
  });

  it('`converge policy set` refuses a name that nothing here has, and names the one that was meant', async () => {
    const typo = await policy(['set', 'payment.chrage', 'attempts=3', '--reason', 'r', '--yes']);
    expect(typo).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/did you mean payment\.charge\?/) as string,
    });
    expect((await policy(['history', 'payment.chrage'])).stdout).toBe('no policy was changed here\n');
    const unlike = await policy(['set', 'zzz', 'attempts=3', '--reason', 'r', '--yes']);
    expect(unlike.stderr).toContain('has the name zzz. For an operation that code calls itself');
    const parent = await policy(['set', 'payment', 'attempts=3', '--reason', 'r', '--dry-run']);
    expect(parent).toMatchObject({ code: 0 });
  });

  it('`converge policy set --service` changes the tables of several services, each with its own outcome, and passes one that lacks the name', async () => {
    const made = await Promise.all(
      ['orders', 'bank', 'mail'].map((prefix) =>
        migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix }),
      ),
    );
    const [orders, bank, mail] = made;
    const named = {
      DATABASE_URL: '',
      CONVERGE__DATABASES__ORDERS: orders?.url ?? '',
      CONVERGE__DATABASES__BANK: bank?.url ?? '',
      CONVERGE__DATABASES__MAIL: mail?.url ?? '',
    };
    for (const one of [orders, bank])
      await one?.database.executor.query(
        `insert into converge.saga_worker (call, holder) values ('payment.charge', 'w')`,
      );
    const set = (...more: readonly string[]) =>
      policy(['set', 'payment.charge', 'attempts=2', ...more, '--json'], named);
    const reason = ['--reason', 'the bank is slow', '--yes'];
    expect(await set('--service', 'oders', ...reason)).toMatchObject({
      stderr: expect.stringContaining('did you mean orders?') as string,
    });
    const changed = await set('--service', '*', ...reason);
    // A service that is left out is an operator's to see: the command fails.
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatch(/mail: nothing was changed: no consumer, call or rule/);
    expect(JSON.parse(changed.stdout)).toMatchObject([
      { database: 'bank', change: { attempts: 2 }, version: 1 },
      { database: 'orders', change: { attempts: 2 }, version: 1 },
    ]);
    const acts = await Promise.all(
      made.map(({ database }) =>
        database.executor.query(`select by from converge.audit where act = 'policy set'`),
      ),
    );
    expect(acts.map(({ rowCount }) => rowCount)).toEqual([1, 1, 0]);
    await Promise.all(made.map(({ database }) => database.close()));
  });

  it('`converge policy` explains, lists and simulates without any database', async () => {
    const environment = { CONVERGE__POLICIES__CACHE__WARM__ATTEMPTS: '1' };
    const bare = (...args: string[]) => cli(['policy', ...args], environment);
    const explained = await bare('explain', 'cache.warm');
    expect(explained.stdout).toMatch(/^attempt 1: at once, at most 10 s\nno attempt begins after 60 s/);
    expect(explained.stderr).toContain('without the central table');
    expect(explained.stderr).not.toContain('no rule applies');
    // A typo gets the defaults, which it has to know.
    expect((await bare('explain', 'cache.wram')).stderr).toContain(
      'no rule applies to cache.wram: these are the defaults of the kit',
    );
    expect((await bare('list')).stdout).toMatch(/cache\.warm +1 .*cache\.warm \(environment\)/);
    const { rows } = JSON.parse((await bare('simulate', 'payment', '--json', '--calls', '1000')).stdout) as {
      rows: { amplification: number; amplificationWithoutBudget: number }[];
    };
    expect(Math.max(...rows.map(({ amplification }) => amplification))).toBeLessThanOrEqual(1.2);
    expect(rows.at(-1)?.amplificationWithoutBudget).toBe(3);
  });

  it('S17: `converge policy` reports which operations recover by retries, are compensated, or need an operator', async () => {
    const { code, stdout } = await cli(
      ['policy', 'paths', './libs/cli/src/fixture/example-operations.ts'],
      {},
    );
    expect({ code, lines: stdout.trim().split('\n') }).toEqual({
      code: 0,
      lines: [
        'NAME            CALL  IDEMPOTENCY  RECOVERY',
        'bank.wire             none         needs an operator when it fails or its outcome is unknown',
        'payment.charge        keyed        retries by itself',
        'stock.read            idempotent   retries by itself',
        'stock.reserve         compensated  is compensated by stock.release',
      ],
    });
  });

  it('S17: `converge policy paths` reports the calls of handlers, saga steps and workflows, each under the name of its policy', async () => {
    const { code, stdout } = await cli(
      ['policy', 'paths', './libs/cli/src/fixture/example-calls.ts', '--json'],
      {},
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      {
        name: 'post.letter',
        idempotency: 'none',
        path: { kind: 'needs_a_person' },
      },
      {
        name: 'tenant.bucket',
        call: 'store.bucket',
        idempotency: 'idempotent',
        path: { kind: 'compensates', by: 'tenant.bucket.undo' },
      },
      {
        name: 'trip.pay.apply',
        call: 'bank.charge',
        idempotency: 'keyed',
        path: { kind: 'retries' },
      },
      {
        name: 'trip.pay.compensate',
        call: 'bank.charge',
        idempotency: 'keyed',
        path: { kind: 'retries' },
      },
    ]);
  });
});
