/**
 * Code that was removed once, and a test here failed:
 * - rows are put in the windows that see them first (all taken for the last window): positions and order differ;
 * - reading ends at the predecessor that the next event names (without the check, a range that was dropped is half filled).
 */
import { userInfo } from 'node:os';
import { randomBytes } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';

const brokers = inject('stack').brokers;
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await stopLeftovers();
  for (const close of open.splice(0).reverse()) await close();
});

async function migrated(prefix: string) {
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix });
  open.push(() => database.close());
  return { url, database };
}

interface FillRow {
  readonly key: string;
  readonly headers: string;
  readonly payload: string;
}

describe('converge consumers fill', () => {
  it('G4a: `consumers fill` puts exactly the events of a gap into the inbox, as they are in the log', async () => {
    const [source, target] = [await migrated('source'), await migrated('target')];
    const name = `fill-${randomBytes(4).toString('hex')}`;
    const topic = `cli.${name}`;
    const names = [topic, `${name}.failures`];
    const kafka = { KAFKA_BROKERS: brokers };
    expect(await cli(['topics', 'create', ...names, '--partitions', '2'], kafka)).toMatchObject({
      code: 0,
    });
    startedCli(['relay'], { ...kafka, DATABASE_URL: source.url });
    const emit = (from: number, to: number) =>
      source.database.executor.query(
        `select converge.emit($1, 'k' || n % 10, 'cli.thing', '{"n":' || n || '}', '{"tenant":"ä"}') from generate_series($2::int, $3::int) n`,
        [topic, from, to],
      );
    const published = (count: number) =>
      waitUntil(async () => (await recordsOf(brokers, topic)).length === count, { what: `${count} events` });

    const handled: number[] = [];
    const thing = defineEvent('cli.thing', {
      version: 1,
      topic,
      key: ({ n }: { n: number }) => `k${n % 10}`,
      data: z.object({ n: z.int() }),
    });
    const consumer = defineConsumer(name, { from: 'first' }).on(thing, (event) => {
      handled.push(event.data.n);
      return Promise.resolve();
    });
    const broker = kafkaBroker({ brokers: brokers.split(','), clientId: name });
    open.push(() => broker.close());
    const serve = async () => {
      const service = consumerService([consumer], { database: target.database, broker });
      open.push(() => service.stop());
      await service.start();
      return service;
    };
    await emit(1, 40);
    await published(40);
    const first = await serve();
    await waitUntil(() => handled.length === 40, { what: 'the first events to be handled' });
    await first.stop();
    // An operator's seek passes several windows.
    for (let from = 41; from <= 200; from += 20) {
      await emit(from, from + 19);
      await published(from + 19);
    }
    const passed = (await recordsOf(brokers, topic)).filter(({ value }) => {
      const { n } = JSON.parse(value?.toString() ?? '{}') as { n: number };
      return n > 40;
    });
    await target.database.executor.query(
      'update converge.inbox_partition as p set next_offset = p.next_offset + m.count from unnest($2::int[], $3::int[]) as m (partition, count) where topic = $1 and p.partition = m.partition',
      [topic, [0, 1], [0, 1].map((at) => passed.filter(({ partition }) => partition === at).length)],
    );
    await emit(201, 240);
    await published(240);
    const second = await serve();
    await waitUntil(
      () => second.status()[0]?.partitions.filter(({ state }) => state === 'halted').length === 2,
      {
        what: 'the partitions to halt',
      },
    );

    const env = { ...kafka, DATABASE_URL: target.url };
    const its = ['--database', source.url];
    expect(
      await cli(['consumers', 'fill', name, '--reason', 'retention was short', '--yes'], {
        ...kafka,
        DATABASE_URL: target.url,
      }),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('what is missing is of') as string,
    });
    const gaps = await cli(['consumers', 'gaps', name, '--keys', '--json', ...its], env);
    expect(JSON.parse(gaps.stdout)).toMatchObject(
      [0, 1].map((partition) => ({
        partition,
        state: 'halted',
        keys: [
          ...new Set(passed.flatMap((one) => (one.partition === partition ? [one.key?.toString()] : []))),
        ].toSorted(),
      })),
    );
    const bounded = ['consumers', 'fill', name, '--reason', 'r', '--yes', '--limit', '10', ...its];
    expect(await cli(bounded, env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('more than 10 events are missing') as string,
    });
    const ended = await cli(
      ['consumers', 'fill', name, '--reason', 'retention was short', '--yes', '--json', ...its],
      env,
    );
    expect(ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('operator: consumers fill') as string,
    });
    for (const partition of [0, 1]) {
      const { rows } = await target.database.executor.query<FillRow>(
        'select key, headers, payload from converge.inbox_fill where topic = $1 and partition = $2 order by epoch, tick, id',
        [topic, partition],
      );
      const expected = passed.filter((record) => record.partition === partition);
      expect(rows.map(({ key, payload }) => [key, payload])).toEqual(
        expected.map(({ key, value }) => [key?.toString(), value?.toString()]),
      );
      expect(rows.map(({ headers }) => new Map(JSON.parse(headers) as [string, string][]))).toEqual(
        expected.map(
          (record) => new Map(record.headers.map(([header, value]) => [header, value?.toString()])),
        ),
      );
      expect(
        new Set(expected.map((record) => headerOf(record, 'ce_pos')?.split('.')[1])).size,
      ).toBeGreaterThan(3);
    }
    // A repeat changes nothing; a range that the source dropped is refused as a whole.
    expect(
      await cli(['consumers', 'fill', name, '--reason', 'retention was short', '--yes', ...its], env),
    ).toMatchObject({ code: 0 });
    await source.database.executor.query(
      'delete from converge.outbox where id = (select max(id) from converge.outbox where topic = $1 and payload::json->>$2 = $3)',
      [topic, 'n', '200'],
    );
    const refused = await cli(
      ['consumers', 'fill', name, '--reason', 'retention was short', '--yes', ...its],
      env,
    );
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be read from this source') as string,
    });
    const count = await target.database.executor.query<{ n: number }>(
      'select count(*)::int as n from converge.inbox_fill',
    );
    expect(count.rows[0]?.n).toBe(160);

    // The running consumer handles the events in place: none twice, and each key in order.
    const resumed = await cli(['consumers', 'resume', name, '--reason', 'filled', '--json'], {
      ...kafka,
      DATABASE_URL: target.url,
    });
    expect(resumed).toMatchObject({ code: 0 });
    expect(JSON.parse(resumed.stdout)).toMatchObject([{ partition: 0 }, { partition: 1 }]);
    await waitUntil(() => handled.length >= 240, { what: 'all events to be handled' });
    const keys = Map.groupBy(handled, (n) => n % 10);
    expect([...keys.values()].flatMap((of) => of).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 240 }, (_, at) => at + 1),
    );
    for (const of of keys.values()) expect(of).toEqual(of.toSorted((a, b) => a - b));
    const listed = await cli(['consumers', 'list', name, '--json'], {
      ...kafka,
      DATABASE_URL: target.url,
    });
    expect(JSON.parse(listed.stdout)).toMatchObject(
      [0, 1].map((partition) => ({ consumer: name, topic, partition, halted: null, lag: '0', openGaps: 0 })),
    );
    const replay = ['consumers', 'replay', name, '--topic', topic, '--everything', '--reason', 'wrong'];
    const own = { ...kafka, DATABASE_URL: target.url };
    expect(await cli(replay, own)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('of cli.thing: handler cli.thing') as string,
    });
    expect(
      await cli(['consumers', 'replay', name, '--topic', topic, '--reason', 'wrong'], own),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--everything') as string,
    });
    expect(handled).toHaveLength(240);
    expect(await cli([...replay, '--yes'], own)).toMatchObject({ code: 0 });
    await waitUntil(() => handled.length === 480, { what: 'every effect to be repeated' });
    const { rows: acts } = await target.database.executor.query(
      `select act, (before ->> 'partition')::int as partition, by, reason from converge.audit order by id`,
    );
    const by = userInfo().username;
    const done = (act: string, reason: string) =>
      [0, 1].map((partition) => ({ act: `consumers ${act}`, partition, by, reason }));
    const gap = 'retention was short';
    // The command was run three times; the second run put nothing, and the third was refused the gap that is not kept whole.
    const fills = [...done('fill', gap), ...done('fill', gap), ...done('fill', gap).slice(0, 1)];
    expect(acts).toEqual([...fills, ...done('resume', 'filled'), ...done('replay', 'wrong')]);
    for (const why of [[], ['--reason', ' ']])
      expect(await cli(['consumers', 'resume', name, ...why], own)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--reason') as string,
      });
    const again = await cli(['consumers', 'resume', name, '--reason', 'again'], own);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is halted') as string });
  });
});
