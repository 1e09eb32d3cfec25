import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterEach, expect, inject, it } from 'vitest';
import { ledgerDatabase } from '../fixture/ledger.ts';
import { tag } from '../testing/quick.ts';

const program = fileURLToPath(new URL('../fixture/policy-process.ts', import.meta.url));
const converge = fileURLToPath(new URL('../../../kit/bin/converge.js', import.meta.url));

let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

it('S18: `converge policy set` applies in a running consumer from the next event on, and an unreachable table changes nothing', async () => {
  const url = await freshDatabase(inject('stack').databaseUrl);
  const database = await ledgerDatabase(url);
  const name = `stock-${tag()}`;
  const env = { ...process.env, NODE_OPTIONS: '--conditions=source', DATABASE_URL: url, LOG_LEVEL: 'info' };
  const process_ = spawn(process.execPath, [program], {
    env: { ...env, CONSUMER: name, TOPIC: `orders-${tag()}` },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child = process_;
  const said = { out: '', log: '' };
  process_.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  process_.stderr.setEncoding('utf8').on('data', (text: string) => (said.log += text));
  const send = (line: string) => process_.stdin.write(`${line}\n`);
  const tries = () => said.out.trim().split('\n');
  const letters = (count: number) =>
    waitUntil(async () => (await database.executor.query('select from converge.parked')).rowCount === count, {
      what: `${count} dead letters`,
    });
  const set = (...change: string[]) =>
    promisify(execFile)(
      process.execPath,
      [converge, 'policy', 'set', `consumer.${name}`, ...change, '--reason', 'the bank is slow', '--yes'],
      { env },
    );
  const noticed = (times: number) =>
    waitUntil(() => said.log.split('the policies changed').length > times, {
      what: 'the consumer to notice',
    });

  send('1');
  await waitUntil(() => said.out.includes('try 1'), { what: 'the first attempt' });
  await set('attempts=1', 'attemptTimeoutMs=50');
  await noticed(1);
  send('go');
  await letters(1);
  send('2');
  await letters(2);
  // Planted fault: a `run` without the watch tries 2 three times. (1 was in flight: how often depends on its time in place.)
  expect(tries().filter((line) => line === 'try 2')).toHaveLength(1);
  // The attempt in flight kept the 10 s that it began with.
  const codes = await database.executor.query('select distinct code from converge.parked');
  expect(codes.rows).toEqual([{ code: 'TypeError' }]);

  await set('attempts=2');
  await noticed(2);
  await database.executor.query('alter table converge.policy_change rename to away');
  send('3');
  await letters(3);
  expect(tries().filter((line) => line === 'try 3')).toHaveLength(2);

  const exit = once(process_, 'exit');
  process_.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  await database.close();
});
