/** Tests of the command's process, apart from its commands. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { killLeftovers, runCli, startCli } from '../fixture/cli-process.ts';

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
