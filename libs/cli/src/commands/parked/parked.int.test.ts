import { randomUUID } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { policyBook } from '@convergekit/resilience';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await stopLeftovers();
  for (const close of open.splice(0).reverse()) await close();
});

const thing = defineEvent('cli.thing', {
  version: 1,
  topic: 'things',
  key: ({ id }: { id: string }) => id,
  data: z.object({ id: z.string(), n: z.int() }),
});

/** Starts a consumer with a dead letter (n = 1, key a) and an event behind it (n = 2). */
async function consumerWithDeadLetter() {
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  const broker = memoryBroker();
  open.push(
    () => database.close(),
    () => broker.close(),
  );
  const admin = await broker.admin();
  for (const name of ['things', 'shelf.failures']) await admin.createTopic({ name, partitions: 1 });
  await admin.close();
  const applied: number[] = [];
  let broken = true;
  const shelf = defineConsumer('shelf', { from: 'first' }).on(thing, ({ data }) => {
    if (broken && data.n === 1) throw new TypeError('no shelf');
    applied.push(data.n);
  });
  const policies = policyBook({ consumer: { giveUp: { afterMs: 0 } } });
  const service = consumerService([shelf], { database, broker, policies });
  await service.start();
  open.push(() => service.stop());
  const producer = await broker.producer();
  const records = [1, 2].map((n) => {
    const headers: [string, string][] = [
      [WIRE.id, randomUUID()],
      [WIRE.source, 'elsewhere'],
      [WIRE.type, 'cli.thing'],
      [WIRE.specVersion, '1.0'],
    ];
    return { key: 'a', value: JSON.stringify({ id: 'a', n }), headers, timestampMs: Date.now() };
  });
  await producer.send([{ topic: 'things', partition: 0, records }]);
  await producer.close();
  const parked = () => database.executor.query('select from converge.parked');
  await waitUntil(async () => (await parked()).rows.length === 2, {
    what: 'the dead letter and the event behind',
  });
  return { url, applied, database, repair: () => (broken = false) };
}

const ABSENT = '01980000-0000-7000-8000-000000000000';

// Planted fault: with the edited copy not kept, the event takes effect as it came.
it('G5k, G6q: an operator finds a dead letter, reads it, edits a copy and retries it', async () => {
  const { url, applied, repair } = await consumerWithDeadLetter();
  const converge = async (...args: string[]) => {
    const ended = await cli(['parked', ...args], { DATABASE_URL: url, LOG_LEVEL: 'silent' });
    return { ...ended, json: () => JSON.parse(ended.stdout) as Record<string, unknown>[] };
  };
  const groups = await converge('groups', '--consumer', 'shelf');
  expect(groups.stdout).toMatch(/bug TypeError: no shelf +shelf · cli.thing +dead +1 +1 /);
  expect(groups.stdout).toMatch(/behind another event of its key +shelf · cli.thing +waiting +1 +1 /);
  const [letter] = (await converge('list', '--state', 'dead', '--json')).json();
  const id = String(letter?.['id']);
  const shown = await converge('show', id);
  expect(shown.stdout).toMatch(/^payload +\{"id":"a","n":1\}$/m);
  expect(shown.stdout.match(/^ +outcome /gm)).toHaveLength(3);

  for (const args of [
    ['show'],
    ['skip', '--yes', '--reason', 'x'],
    ['edit', '--payload', '{}', '--reason', 'x'],
  ])
    expect(await converge(args[0]!, ABSENT, ...args.slice(1))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`there is no parked event ${ABSENT}`) as string,
    });
  const behind = (await converge('list', '--state', 'waiting', '--json')).json()[0]?.['id'];
  const skip = ['skip', String(behind), '--reason', 'x'];
  expect(await converge(...skip, '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/nothing is skipped: 1: it was not given up, .*--unreported/s) as string,
  });
  expect((await converge(...skip, '--dry-run')).stdout).toContain('would have skipped 0');
  expect((await converge(...skip, '--dry-run', '--unreported')).stdout).toContain('would have skipped 1');

  expect(await converge('retry', '--reason', 'x', '--yes')).toMatchObject({ code: 2 });
  const dry = await converge('retry', '--all', '--reason', 'deployed', '--dry-run');
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/would have retried 0/)]);
  expect(dry.stdout).toMatch(
    new RegExp(
      `${id}: contradicts its failure event \\S+: no handler acted on it in \\S+; of other databases nothing`,
    ),
  );
  const unnamed = await converge('retry', '--all', '--reason', 'deployed', '--yes');
  expect([unnamed.code, unnamed.stderr]).toEqual([1, expect.stringContaining('nothing is retried')]);
  expect(unnamed.stderr).toContain('emit a new event');
  const named = await converge('retry', '--all', '--reason', 'deployed', '--dry-run', '--after-compensation');
  expect([named.code, named.stdout]).toEqual([0, expect.stringContaining('would have retried 1')]);
  expect(await converge('retry', id, '--reason', 'deployed', '--after-compensation')).toMatchObject({
    code: 2,
  });
  const retry = ['retry', '--code', 'TypeError', '--reason', 'deployed', '--yes', '--after-compensation'];
  expect(await converge(...retry, '--rate', '5')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 retried') as string,
  });
  const again = async () => (await converge('list', '--state', 'dead', '--json')).json()[0]?.['run'] === 1;
  await waitUntil(again, { what: 'the dead letter of the second run' });
  const edit = ['edit', id, '--payload', '{"id":"a","n":7}', '--reason', 'a typo'];
  expect(await converge(...edit, '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(--after-compensation: ') as string,
  });
  expect(applied).toEqual([]);
  repair();
  expect(await converge(...edit, '--yes', '--after-compensation')).toMatchObject({ code: 0 });
  await waitUntil(() => applied.length === 2, { what: 'both events' });
  expect(applied).toEqual([7, 2]);
  expect((await converge('show', id)).stderr).toContain('applied meanwhile');
});

// Planted fault: in the order of the arguments. The consumer applies the second event once the first one is skipped.
it('a line that is skipped whole is skipped from its end, and none of its events is applied meanwhile', async () => {
  const { url, applied, database } = await consumerWithDeadLetter();
  const env = { DATABASE_URL: url, LOG_LEVEL: 'silent' };
  const { rows } = await database.executor.query<{ id: string }>(
    'select id from converge.parked order by seq',
  );
  const ids = rows.map(({ id }) => id);
  const skip = ['parked', 'skip', ...ids, '--unreported', '--reason', 'a test order', '--yes'];
  expect(await cli(skip, env)).toMatchObject({ code: 0 });
  const audit = await database.executor.query<{ id: string }>(
    `select before ->> 'parked' as id from converge.audit order by audit.id`,
  );
  expect(audit.rows.map(({ id }) => id)).toEqual(ids.toReversed());
  expect([applied, (await database.executor.query('select from converge.parked_key')).rows]).toEqual([
    [],
    [],
  ]);
});

// Without the looks at the names each ended with 0 and an empty list.
it('a typo in the name of a consumer or a handler is refused, and the meant one is named', async () => {
  const { url } = await consumerWithDeadLetter();
  const env = { DATABASE_URL: url, LOG_LEVEL: 'silent' };
  const why = ['--reason', 'r', '--yes'];
  for (const argv of [
    ['parked', 'groups', '--consumer', 'shlef'],
    ['parked', 'retry', '--consumer', 'shlef', ...why],
    ['consumers', 'types', 'list', 'shlef'],
  ])
    expect(await cli(argv, env), argv.join(' ')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no consumer shlef .*did you mean shelf\?/) as string,
    });
  expect(await cli(['parked', 'groups', '--handler', 'cli.thingg'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no handler cli.thingg') as string,
  });
});
