/** Tests of the command's process, apart from its commands. */
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, inject, it, onTestFinished } from 'vitest';
import { killLeftovers, runCli, start, startCli } from '../fixture/cli-process.ts';
import { refusingPostgres } from '../fixture/refusing-postgres.ts';
import { root } from '../fixture/root.ts';

afterEach(killLeftovers);

// Planted fault: without `exitOnUncaught` in bin/converge.js, Node prints every property of the error.
it('an uncaught error ends the command with one log line, without the properties that its driver attached', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-uncaught-'));
  const module = join(folder, 'module.mjs');
  await writeFile(
    module,
    `void Promise.reject(Object.assign(new Error('duplicate key'), { code: '23505', detail: ['canary', '4f1b'].join('-') }));
     await new Promise(() => {});`,
  );
  const { code, stdout, stderr } = await runCli(['reconcile', 'list', module], {});
  await rm(folder, { recursive: true });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toContain('canary-4f1b');
  const lines = stderr.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'fatal', name: 'converge', err: { code: '23505', message: 'SQLSTATE 23505' } },
  ]);
});

// Planted fault: without the listener on stdout in bin/converge.js the command ends with 1 and an error.
it.each([[['--help']], [['roles']]])(
  '`converge %s` ends without an error when the reader of its stdout has gone',
  async (args) => {
    const { child, ended } = startCli(args, {});
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  },
);

// Node's own loader finds the mistake: the one of the tests has other words.
it('a module that does not parse is named, with the command that shows the place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-broken-'));
  await writeFile(join(folder, 'broken.mjs'), 'export const x = {;\n');
  const { code, stdout, stderr } = await runCli(['reconcile', 'list', folder], {});
  await rm(folder, { recursive: true });
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
  expect(stderr).toContain('broken.mjs` shows the place');
  expect(stderr).toContain('cannot be loaded: Unexpected token');
});

it('the command fails in one line when Node is too old', async () => {
  const bin = pathToFileURL(`${root}/libs/kit/bin/converge.js`).href;
  const old = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); await import('${bin}');`;
  const { code, stdout, stderr } = await start(['node', '--input-type=module', '-e', old], {}).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^converge: this is Node 20\.20\.2, and converge needs Node 22\.22 or newer: .*\n$/);
});

it('compiled code is kept in a folder of the user alone, and never in one that others could have made first', async () => {
  const home = await mkdtemp(join(tmpdir(), 'converge-home-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const temporary = join(home, 'tmp');
  await mkdir(temporary);
  const version = async (HOME: string) => {
    // Empty is unset to Node: the cache of the tests is not this command's.
    const env = { HOME, TMPDIR: temporary, NODE_COMPILE_CACHE: '' };
    expect(await runCli(['--version'], env)).toMatchObject({ code: 0, stderr: '' });
  };
  const compiled = join(home, '.cache/converge/compiled');
  await version(home);
  expect([(await stat(compiled)).mode & 0o777, (await readdir(compiled)).length]).toEqual([0o700, 1]);
  // Others may write to the folder, or to one above it.
  for (const [open, name] of [
    ['.cache/converge/compiled', 'a'],
    ['.cache', 'b'],
  ] as const) {
    const folder = join(home, name);
    await mkdir(join(folder, '.cache/converge/compiled'), { recursive: true });
    await chmod(join(folder, open), 0o777);
    await version(folder);
    expect(await readdir(join(folder, '.cache/converge/compiled'))).toEqual([]);
  }
  expect(await readdir(temporary)).toEqual([]);
});

it('a folder of another user is no place for compiled code', async () => {
  const { ownFolder } = (await import(pathToFileURL(join(root, 'libs/kit/bin/compile-cache.js')).href)) as {
    ownFolder: (path: string, uid: number | undefined) => string | undefined;
  };
  const home = await mkdtemp(join(tmpdir(), 'converge-home-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const uid = process.getuid?.() ?? 0;
  expect(ownFolder(join(home, 'a'), uid)).toMatch(/a$/);
  expect(ownFolder(join(home, 'a'), uid + 1)).toBeUndefined();
  expect(ownFolder(join(root, 'package.json/a'), uid)).toBeUndefined();
});

it('S51: a service with consumers ends like a command when its password is wrong: in one line that does not contain it', async () => {
  const server = await refusingPostgres();
  const { code, stdout, stderr } = await start(
    ['node', '--conditions=source', 'services/shop/src/shipping/main.ts'],
    {
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${server.port}/shop`,
      KAFKA_BROKERS: inject('stack').brokers,
    },
  ).ended;
  server.close();
  expect(server.logins(), 'one login, and no retry').toBe(1);
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/wrong password\. Check user and password in DATABASE_URL \(environment\)/),
  ]);
  expect(stderr).not.toContain('hunter2');
});
