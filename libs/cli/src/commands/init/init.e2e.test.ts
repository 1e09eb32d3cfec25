import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { root } from '../../fixture/root.ts';

const stack = inject('stack');
let parent: string;
let name: string;
/** The new service. It is inside the repository, so that it finds the packages of the kit. */
let folder: string;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  name = `demo-${randomBytes(4).toString('hex')}`;
  parent = join(root, '.converge', 'scaffolds', name);
  folder = join(parent, name);
  mkdirSync(parent, { recursive: true });
  expect(await run(['init', name], { cwd: parent })).toMatchObject({ code: 0 });
  expect(await run(['init', 'pair', '--template', 'two-services'], { cwd: parent })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('npm test') as string,
  });
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

interface Where {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: string;
}

/** Starts the command, or another program of this Node, with only the given environment. */
function start(args: readonly string[], { cwd, env = {}, command }: Where) {
  const path = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const child = spawn(process.execPath, [command ?? join(root, 'libs/kit/bin/converge.js'), ...args], {
    cwd,
    env: { PATH: path, HOME: process.env['HOME'], NODE_OPTIONS: '--conditions=source', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code, ...text }));
  return { child, text, ended };
}

const run = (args: readonly string[], where: Where) => start(args, where).ended;

it('a new service has its own name everywhere, and a folder that is not empty is left alone', async () => {
  expect(readFileSync(join(folder, 'src/events.ts'), 'utf8')).toContain(`'${name}.orders'`);
  expect(existsSync(join(folder, '.gitignore'))).toBe(true);
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies['convergekit']).toMatch(/^\d+\.\d+\.\d+/);
  const again = await run(['init', name], { cwd: parent });
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is not empty') as string });
});

it('a template writes other files: two services, whose script names both modules, and what a service has beside its code', () => {
  const { name: packageName, scripts } = JSON.parse(
    readFileSync(join(parent, 'pair', 'package.json'), 'utf8'),
  ) as { name: string; scripts: Record<string, string> };
  expect({ packageName, dev: scripts['dev'] }).toEqual({
    packageName: 'pair',
    dev: 'converge dev src/orders/main.ts src/payments/main.ts',
  });
  for (const file of ['src/orders/main.ts', 'src/payments/migrations/001-charges.sql', 'compose.yaml'])
    expect(existsSync(join(parent, 'pair', file))).toBe(true);
  for (const file of ['.gitignore', '.env.example', 'Dockerfile'])
    expect(existsSync(join(parent, 'pair', file))).toBe(true);
  // What is of no service in particular is the same in both.
  for (const file of ['.dockerignore', '.github/workflows/ci.yml', 'eslint.config.js', 'tsconfig.json'])
    expect(readFileSync(join(parent, 'pair', file), 'utf8')).toBe(readFileSync(join(folder, file), 'utf8'));
});

it.each([
  ['service', 'orders', () => folder],
  ['two-services', 'shop', () => join(parent, 'pair')],
] as const)('the tests of the template %s pass', async (_, test, where) => {
  const tested = await run([`test/${test}.test.ts`], {
    cwd: where(),
    command: '--test',
    env: { DATABASE_URL: stack.databaseUrl },
  });
  expect(tested.stdout).toMatch(/pass 3\b/);
  expect(tested.code).toBe(0);
});

it('the lint of both templates passes, and names a forgotten await and a query that is built and not run', async () => {
  const services = [
    [name, './tables.ts'],
    ['pair', './payments/service.ts'],
  ] as const;
  const mistakes = services.map(([service, tables]) => {
    const at = join(parent, service);
    // The packages of the kit are sources here.
    const settings = join(at, 'tsconfig.json');
    const tsconfig = readFileSync(settings, 'utf8');
    writeFileSync(settings, tsconfig.replace('"strict"', '"customConditions": ["source"], "strict"'));
    const file = join(at, 'src/mistakes.ts');
    writeFileSync(
      file,
      `import type { HandlerContext } from 'convergekit';
import type { Tables } from '${tables}';
const row = { orderId: 'o', cents: 1 };
export async function forgetful({ tx, write }: HandlerContext<Tables>) {
  tx.insertInto('charges').values(row).execute();
  tx.insertInto('charges').values(row);
  await tx.deleteFrom('charges').where('orderId', '=', 'o');
  write(tx.insertInto('charges').values(row));
  await tx.insertInto('charges').values(row).execute();
}
`,
    );
    stops.push(() => {
      rmSync(file);
      writeFileSync(settings, tsconfig);
      return Promise.resolve();
    });
    return file;
  });
  // One process lints both, each with its own settings: it reads the types of the kit once.
  const found = await run(['--format', 'json', ...services.map(([service]) => service)], {
    cwd: parent,
    command: join(root, 'node_modules/eslint/bin/eslint.js'),
  });
  expect(found).toMatchObject({ code: 1, stderr: '' });
  const linted = JSON.parse(found.stdout) as {
    readonly filePath: string;
    readonly messages: readonly { readonly line: number; readonly ruleId: string }[];
  }[];
  expect(linted.map(({ filePath }) => filePath)).toEqual(
    expect.arrayContaining([join(folder, 'src/service.ts'), join(parent, 'pair', 'test/shop.test.ts')]),
  );
  const wrong = linted.flatMap(({ filePath, messages }) =>
    messages.map(({ line, ruleId }) => `${filePath}:${line} ${ruleId}`),
  );
  expect(wrong.toSorted()).toEqual(
    mistakes
      .flatMap((file) => [
        ...[`${file}:5 @typescript-eslint/no-floating-promises`, `${file}:6 no-restricted-syntax`],
        ...[`${file}:7 @typescript-eslint/await-thenable`, `${file}:7 no-restricted-syntax`],
      ])
      .toSorted(),
  );
});

interface Order {
  readonly orderId: string;
  readonly status: string;
  readonly reason: string | null;
}

it.each([
  ['Postgres alone', {}],
  ['Kafka', { KAFKA_BROKERS: stack.brokers }],
  // Its rows are there, and the topics have its events.
  ['Kafka for the second time', { KAFKA_BROKERS: stack.brokers }],
])(
  'N23: `converge dev` on %s serves, compensates, restarts on a change, and ends at Ctrl-C',
  async (_, broker) => {
    const port = await freePort();
    const env = { ...broker, CONVERGE_STACK: 'embedded', CONVERGE__HTTP__PORT: String(port) };
    const dev = start(['dev'], { cwd: folder, env });
    stops.push(() => (dev.child.kill('SIGINT'), dev.ended));
    const url = `http://127.0.0.1:${port}/orders`;
    const ready = (): number => dev.text.stderr.split('HTTP requests are answered at').length - 1;
    await waitUntil(
      () => {
        if (dev.child.exitCode !== null) throw new Error(`converge dev ended:\n${dev.text.stderr}`);
        return ready() === 1;
      },
      { what: 'the service' },
    );
    const place = async (cents: number, sku: string): Promise<string> => {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': randomBytes(8).toString('hex') },
        body: JSON.stringify({ sku, pieces: 1, cents }),
      });
      expect(answer.status).toBe(201);
      return ((await answer.json()) as Order).orderId;
    };
    const end = (orderId: string): Promise<Order> =>
      waitUntil(
        async () => {
          const order = (await (await fetch(`${url}/${orderId}`)).json()) as Order;
          return order.status === 'placed' ? undefined : order;
        },
        { what: `the end of ${orderId}` },
      );
    expect(await end(await place(4_200, 'book'))).toMatchObject({ status: 'shipped' });
    const declined = { status: 'declined', reason: 'over the limit of this card' };
    expect(await end(await place(420_000, 'book'))).toMatchObject(declined);
    expect(await end(await place(4_200, 'anvil'))).toMatchObject({ status: 'undeliverable' });
    appendFileSync(join(folder, 'src/payments.ts'), '\n// changed\n');
    await waitUntil(() => ready() === 2, { what: 'the restart' });
    expect(await end(await place(4_200, 'book'))).toMatchObject({ status: 'shipped' });
    dev.child.kill('SIGINT');
    expect(await dev.ended).toMatchObject({ code: 0 });
    await expect(fetch(url)).rejects.toThrow();
  },
);

// npm and npx send SIGTERM to the shell that they start, which passes nothing on.
const ends = [
  ['whose package manager is ended', 'SIGTERM', 'fast', "{ stdio: 'inherit', detached: true }"],
  ['that is killed', 'SIGKILL', 'smart', undefined],
  ['whose terminal is closed', 'SIGHUP', 'smart', undefined],
] as const;

it.each(ends)(
  '`converge dev` %s leaves no service and no Postgres, which ends last',
  async (_, signal, shutdown, asChild) => {
    const cwd = join(parent, 'pair');
    const port = await freePort();
    const env = { CONVERGE__HTTP__PORT: String(port), CONVERGE_STACK: 'embedded' };
    const args = ['dev', 'src/orders/main.ts', 'src/payments/main.ts'];
    const shell = `const { spawn } = require('node:child_process');
      spawn(process.execPath, process.argv.slice(1), ${asChild});`;
    const dev =
      asChild === undefined
        ? start(args, { cwd, env })
        : start([shell, join(root, 'libs/kit/bin/converge.js'), ...args], {
            cwd,
            env: { ...env, npm_config_user_agent: 'npm' },
            command: '-e',
          });
    const serves = () => fetch(`http://127.0.0.1:${port}/orders/none`).then(({ status }) => status === 404);
    await waitUntil(() => serves().catch(() => false), { what: 'the service of orders' });
    const data = join(cwd, '.converge/dev/local');
    const { pid } = JSON.parse(readFileSync(join(data, 'postgres.pid'), 'utf8')) as { pid: number };
    const before = readFileSync(join(data, 'postgres.log'), 'utf8').length;
    dev.child.kill(signal);
    const log = () => readFileSync(join(data, 'postgres.log'), 'utf8').slice(before);
    await waitUntil(() => log().includes('database system is shut down'), {
      what: `Postgres (process ${pid}) to end`,
      deadlineMs: 90_000,
    });
    // A smart shutdown waits for the services; a fast one follows only where one stays.
    expect(log().match(/(?<=received )\w+(?= shutdown)/g)).toEqual([shutdown]);
    await expect(serves()).rejects.toThrow();
    // Its output is closed when the command and both services have ended.
    await dev.ended;
  },
);
