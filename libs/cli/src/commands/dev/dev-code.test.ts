import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { codeWatch } from './dev-code.ts';
import { devProcess } from './dev-process.ts';

const main = `
  import { appendFileSync } from 'node:fs';
  import data from './data.json' with { type: 'json' };
  import './part.ts';
  await import('./later.ts');
  appendFileSync('starts', data.version);
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 60_000);
`;

it('a service starts again for a file that it loaded, which is named, and for no other', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'code-')));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write('main.ts', main.replace(`'starts'`, JSON.stringify(join(folder, 'starts'))));
  write('data.json', '{ "version": "1" }');
  for (const name of ['part.ts', 'later.ts', 'unused.ts']) write(name, '');
  const said: string[] = [];
  const serving = devProcess({ name: 'orders', args: [join(folder, 'main.ts')], env: {} }, () => undefined);
  const watch = codeWatch(folder, [serving], (line) => said.push(line));
  await serving.start();
  await watch.start();
  const loads = (name: string): Promise<unknown> =>
    waitUntil(() => serving.concerns(join(folder, name)), { what: `the load of ${name}` });
  const restarted = (...names: readonly string[]): Promise<unknown> =>
    waitUntil(() => said.length === names.length, { what: `the restart for ${names.at(-1)}` });
  try {
    await loads('later.ts');
    write('report.json', '{}');
    write('unused.ts', '// changed');
    write('later.ts', '// changed');
    await restarted('later.ts');
    await loads('later.ts');
    write('data.json', '{ "version": "2" }');
    await restarted('later.ts', 'data.json');
    expect(said).toEqual(['later.ts changed: orders starts again', 'data.json changed: orders starts again']);
    expect(serving.concerns(join(folder, 'unused.ts'))).toBe(false);
  } finally {
    await watch.stop();
    await serving.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('messages that a service sends for itself are none of its reports, and the command goes on', async () => {
  const code = `process.send('ready'); process.send({ kind: 'mine' }); process.send(null); process.send(7, () => process.exit(0))`;
  const ended = Promise.withResolvers<string>();
  const onTopics = (topics: unknown): void =>
    ended.reject(new Error(`taken for topics: ${JSON.stringify(topics)}`));
  const serving = devProcess({ name: 'orders', args: ['--eval', code], env: {}, onTopics }, ended.resolve);
  await serving.start();
  expect(await ended.promise).toBe('exit code 0');
  await serving.stop();
});

it('a service that has ended starts again for any file of code, which it may lack', async () => {
  const ended = Promise.withResolvers<string>();
  const serving = devProcess({ name: 'orders', args: ['--eval', ''], env: {} }, ended.resolve);
  await serving.start();
  expect(serving.concerns('/shop/missing.ts')).toBe(false);
  expect(await ended.promise).toBe('exit code 0');
  expect(['missing.ts', 'data.json', 'notes.txt'].map((name) => serving.concerns(`/shop/${name}`))).toEqual([
    true,
    true,
    false,
  ]);
  await serving.stop();
});
