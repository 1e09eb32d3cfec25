import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { connect, type Database } from '@convergekit/postgres';
import { urlOf } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { findConsole } from './dev-console.ts';
import { withoutPassword } from './dev-environment.ts';
import { root } from '../../fixture/root.ts';

const { databaseUrl } = inject('stack');
/** Names of this run alone: the databases of the services are on the server of all tests. */
const id = randomBytes(4).toString('hex');
const orders = `orders_${id}`;
const payments = `payments_${id}`;
const parent = join(root, '.converge', 'scaffolds', id);
const folder = join(parent, 'two');
const env = {
  DATABASE_URL: databaseUrl,
  LOG_LEVEL: 'fatal',
  NODE_OPTIONS: '--conditions=source',
  PATH: process.env['PATH'] ?? '',
};
const modules = [orders, payments].map((name) =>
  relative(process.cwd(), join(folder, `src/${name}/main.ts`)),
);
const opened: Database[] = [];

beforeAll(() => {
  mkdirSync(parent, { recursive: true });
  cpSync(join(root, 'libs/cli/templates/two-services'), folder, { recursive: true });
  for (const [from, to] of [
    ['orders', orders],
    ['payments', payments],
  ] as const) {
    renameSync(join(folder, 'src', from), join(folder, 'src', to));
  }
});
afterAll(async () => {
  await stopLeftovers();
  for (const one of opened) await one.close();
  rmSync(parent, { recursive: true, force: true });
});

function at(name: string): Database {
  const database = connect({ url: urlOf(databaseUrl, name), max: 1 });
  opened.push(database);
  return database;
}

/** Gives a service an HTTP API that answers its name. */
function addHttp(name: string): void {
  const file = join(folder, 'src', name, 'service.ts');
  const app = '() => (request, response) => response.end(request.url)';
  writeFileSync(file, readFileSync(file, 'utf8').replace('emits: [', `http: ${app},\n  emits: [`));
}

/** Returns a free port whose successor is free, too. */
async function freePair(): Promise<number> {
  const port = await freePort();
  const next = createServer().listen(port + 1);
  const isFree = await once(next, 'listening').then(
    () => true,
    () => false,
  );
  next.close();
  return isFree ? port : freePair();
}

/** Has a service read the topic of orders under a wrong name, from its next start on. */
function misspell(file: string): void {
  const text = readFileSync(file, 'utf8');
  const wrong = "const misspelled = { ...orderPlaced, topic: 'my-service.order' };\n";
  writeFileSync(
    file,
    text
      .replace('const LIMIT_CENTS', `${wrong}const LIMIT_CENTS`)
      .replace("{ from: 'first' }", "{ from: { '*': 'first', 'my-service.order': 'first' } }")
      .replace('  orderPlaced,\n', '  misspelled as never,\n'),
  );
}

it('N23: `converge dev` runs two services that exchange events, each with a database, and applies a migration that comes', async () => {
  const first = await freePair();
  const port = String(first);
  addHttp(payments);
  const dev = startedCli(['dev', ...modules], { ...env, CONVERGE__HTTP__PORT: port });
  await waitUntil(() => dev.stderr().includes('Ctrl-C stops'), { what: 'the services to be started' });
  // Planted fault: a line that was pasted into the shell of another service had its database used without a word.
  expect(dev.stderr()).toContain('DATABASE_URL is set: unset it to have a Postgres of this folder');
  const shown = (name: string): string => withoutPassword(urlOf(databaseUrl, name));
  const log = `CONVERGE__BROKER=local CONVERGE__LOCAL__URL=${shown(orders)}`;
  for (const name of [orders, payments])
    expect(dev.stderr()).toContain(`export DATABASE_URL=${shown(name)} ${log}`);
  expect(dev.stderr()).not.toContain(urlOf(databaseUrl, orders));
  const [shop, bank] = [at(orders), at(payments)];
  const rows = async ({ executor }: Database, sql: string): Promise<unknown[]> => [
    ...(await executor.query(sql)).rows,
  ];
  const place = (cents: number): Promise<unknown> =>
    waitUntil(
      async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/orders`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': String(cents) },
          body: JSON.stringify({ cents }),
        }).catch(() => undefined);
        return answer?.status === 201;
      },
      { what: `the order of ${cents}` },
    );
  for (const cents of [4_200, 420_000]) await place(cents);
  // Seen to fail: both services had the port that was given, and the second one ended.
  const second = `http://127.0.0.1:${first + 1}`;
  expect(dev.stderr()).toContain(`its HTTP API (if it has one) at ${second}`);
  await waitUntil(
    () =>
      fetch(`${second}/second`).then(
        async (answer) => (await answer.text()) === '/second',
        () => false,
      ),
    { what: 'the second service to answer' },
  );
  // Every port of it is of this machine alone: another address of the same machine is refused, as another machine is.
  const ports = [...dev.stderr().matchAll(/http:\/\/127\.0\.0\.1:(\d+)\//g)].map(([, own]) => own);
  expect(ports).toHaveLength(findConsole(process.cwd()) === undefined ? 2 : 3);
  for (const own of [...ports, port, first + 1])
    await expect(fetch(`http://127.0.0.2:${own}/`)).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });

  // The large order is refused by the one service, and declined by the other.
  await waitUntil(
    async () =>
      (await rows(bank, 'select from charges')).length === 1 &&
      (await rows(shop, "select from orders where status <> 'placed'")).length === 2,
    { what: 'the ends of both orders' },
  );
  expect(await rows(shop, 'select cents, status from orders order by cents')).toEqual([
    { cents: 4_200, status: 'paid' },
    { cents: 420_000, status: 'declined' },
  ]);

  const sessions = (): Promise<unknown[]> =>
    rows(
      bank,
      `select pid from pg_stat_activity where application_name = 'payments' and datname = current_database()`,
    );
  const before = await sessions();
  expect(before.length).toBeGreaterThan(0);
  expect(dev.stderr()).not.toMatch(/no service here (declares an event in it|has that consumer)/);
  misspell(join(folder, 'src', payments, 'service.ts'));
  writeFileSync(join(folder, 'src', payments, 'migrations/002-notes.sql'), 'create table notes (id text);\n');
  await waitUntil(() => dev.stderr().includes('002-notes applied; it starts again'), {
    what: 'the migration to be applied',
  });
  expect(await rows(bank, 'select id from notes')).toEqual([]);
  await waitUntil(
    async () => {
      const now = await sessions();
      return (
        now.length > 0 &&
        before.every((one) => !now.some((pid) => JSON.stringify(pid) === JSON.stringify(one)))
      );
    },
    { what: 'the service to start again' },
  );

  await waitUntil(
    () =>
      dev.stderr().includes('payments reads topic my-service.order, and no service here declares an event') &&
      dev.stderr().includes('if my-service.orders of orders is meant'),
    { what: 'the misspelled topic to be named' },
  );

  // A new file is empty at first. A mistake is said, and the next change of the file is tried.
  const third = join(folder, 'src', payments, 'migrations/003-more.sql');
  writeFileSync(third, '-- more\n');
  await waitUntil(() => dev.stderr().includes('003-more.sql has no statement yet'), {
    what: 'the empty migration to be left alone',
  });
  writeFileSync(third, 'create tabel more (id text);\n');
  await waitUntil(() => dev.stderr().includes('syntax error'), { what: 'the error of the migration' });
  writeFileSync(third, 'create table more (id text);\n');
  await waitUntil(() => dev.stderr().includes('003-more applied'), { what: 'the corrected migration' });
  expect(await dev.stop()).toMatchObject({ code: 0 });
  expect(await sessions()).toEqual([]);
});

it('`converge dev` names the call that a module without work lacks', async () => {
  // Of two modules each has a database of its own.
  const idle = [`idle_${id}`, `rest_${id}`].map((name) => join(folder, `src/${name}.ts`));
  for (const module of idle) writeFileSync(module, '// no service runs\n');
  const dev = startedCli(['dev', ...idle], env);
  await waitUntil(() => dev.stderr().includes(`idle_${id} ended (`), { what: 'the end of the module' });
  expect(dev.stderr()).toContain('(exit code 0): a service runs by `await defineService(…).run()`');
  await dev.stop();
});

it.each([
  ['a module that does not exist', ['src/none.ts'], 78, 'there is no src/none.ts here'],
  [
    'one folder of migrations for two modules',
    [...modules, '--folder', 'x'],
    2,
    '--folder is for one service',
  ],
  ['two modules of one name', [...modules, ...modules], 2, 'two modules have the name orders_'],
])('`converge dev` refuses %s, and says what to change', async (_, args, code, text) => {
  expect(await cli(['dev', ...args], env)).toMatchObject({
    code,
    stderr: expect.stringContaining(text) as string,
  });
});
