import { BrokerError, type GroupLink, leaderMissing, LoopConsumer } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import type { From } from '../define/types.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, quickSchedule, tag } from '../testing/quick.ts';
import { type ConsumerService, consumerService } from './consumer-service.ts';
import type { ConsumerServiceOptions } from './options.ts';

/**
 * Tests of the start of a consumer, and of its refusals. Planted faults, each seen to fail here: `register` that takes
 * the first record for `latest`; that asks nothing of a topic added later; a start that lets a missing table pass as it
 * is.
 */

let broker: ReturnType<typeof memoryBroker>;
let database: Database<LedgerDb>;
let source: FixtureSource;
const services: ConsumerService[] = [];
const name = `stock-${tag()}`;
const orders = testEvents(`orders-${tag()}`).counted;
const returns = testEvents(`returns-${tag()}`).counted;

beforeEach(async () => {
  broker = memoryBroker();
  ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
  source = new FixtureSource({ partitions: 1 });
  await makeTopics(broker, [orders.topic, returns.topic, `${name}.failures`], 1);
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  await broker.close();
  await database.close();
});

const consumer = (from: From) =>
  defineConsumer<LedgerDb>(name, { from }).on(orders, (event, { tx }) => note(tx, event));
const both = (from: From) =>
  consumer(from).on(returns, { name: 'returned' }, (event, { tx }) => note(tx, event));
async function start(definition: ConsumerDefinition<LedgerDb>, on = database): Promise<ConsumerService> {
  const service = consumerService([definition], { database: on, broker });
  services.push(service);
  await service.start();
  return service;
}
const send = (event: typeof orders, ...ns: readonly number[]) =>
  source.publish(
    broker,
    ns.map((n) => event({ key: 'k', n })),
  );
const applied = async (count: number) =>
  (
    await waitUntil(async () => ((await lines(database)).length >= count ? lines(database) : undefined), {
      what: `${count} effects`,
    })
  ).map(({ n }) => n);
const starts = async () =>
  (
    await database.executor.query<{ start: string }>(
      'select start_offset::text as start from converge.inbox_partition order by topic',
    )
  ).rows.map(({ start: at }) => Number(at));

// Planted fault: a stop that waits for the start, which waits for a coordinator that never comes.
it('consumers that wait for the coordinator of their group stop at once', async () => {
  const tried = Promise.withResolvers<undefined>();
  const absent: Partial<GroupLink> = {
    connect: () => Promise.resolve(),
    join: () => {
      tried.resolve(undefined);
      return Promise.reject(
        new BrokerError('no coordinator', { code: 'COORDINATOR_NOT_AVAILABLE', kind: 'retry' }),
      );
    },
    leave: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  vi.spyOn(broker, 'consumer').mockImplementation(
    (options) => new LoopConsumer({ ...options, link: absent as GroupLink }),
  );
  const two = [
    consumer('first'),
    defineConsumer<LedgerDb>(`${name}-2`, { from: 'latest' }).on(orders, () => undefined),
  ];
  await makeTopics(broker, [`${name}-2.failures`], 1);
  const service = consumerService(two, { database, broker });
  const starting = service.start();
  await tried.promise;
  await service.stop();
  await service.done;
  await starting;
  expect(service.status().map(({ state }) => state)).toEqual(['stopped', 'stopped']);
});

// Planted fault: a consumer that does not start without the right to describe its group.
it('a new consumer whose login may not look at its group starts', async () => {
  const admin = await broker.admin();
  vi.spyOn(broker, 'admin').mockResolvedValue(admin);
  const refused = new BrokerError('no right', { code: 'NOT_AUTHORIZED', kind: 'configuration' });
  const asked = vi.spyOn(admin, 'members').mockRejectedValue(refused);
  const service = consumerService([consumer('latest')], { database, broker });
  services.push(service);
  await service.start();
  expect(asked).toHaveBeenCalled();
});

// Planted faults: a look at the members that a stop does not end, and one that begins after it.
it.each(['before it is looked up', 'while it is'])(
  'a new consumer whose group has no coordinator stops at once (%s)',
  async (when) => {
    const asked = Promise.withResolvers<undefined>();
    const admin = await broker.admin();
    vi.spyOn(broker, 'admin').mockResolvedValue(admin);
    vi.spyOn(admin, 'members').mockImplementation(() => {
      asked.resolve(undefined);
      return new Promise(() => undefined);
    });
    const service = consumerService([consumer('latest')], { database, broker });
    const starting = service.start();
    if (when === 'while it is') await asked.promise;
    await service.stop();
    await service.done;
    await starting;
  },
);

it('G4f: `latest` is the moment of registration: a consumer handles everything after it, whether it runs or not', async () => {
  await send(orders, 1, 2);
  const first = await start(consumer('latest'));
  await first.stop();
  await send(orders, 3);
  const second = await start(consumer('latest'));
  await send(orders, 4);
  expect([await applied(2), await starts()]).toEqual([[3, 4], [2]]);
  expect(second.status()[0]!.partitions).toMatchObject([{ state: 'running' }]);
});

it('G4f: `earliest` handles what the log still has, and `first` halts at what it lost', async () => {
  await send(orders, 1, 2, 3);
  broker.truncate(orders.topic, 0, 2n);
  const first = await start(consumer('earliest'));
  expect([await applied(1), await starts()]).toEqual([[3], [2]]);
  await first.stop();
  const strict = defineConsumer<LedgerDb>(`${name}-strict`, { from: 'first' }).on(orders, () => undefined);
  await makeTopics(broker, [`${name}-strict.failures`], 1);
  const service = await start(strict);
  const [halted] = await waitUntil(
    () => {
      const { partitions } = service.status()[0]!;
      return partitions.some(({ state }) => state === 'halted') ? partitions : undefined;
    },
    { what: 'the halt' },
  );
  expect(halted).toMatchObject({ code: 'gap' });
});

it('G4f: a topic may have its own start, and a topic that is added later must have one', async () => {
  await send(orders, 1);
  await send(returns, 2);
  const first = await start(consumer('first'));
  expect(await applied(1)).toEqual([1]);
  await first.stop();
  for (const from of ['first', { '*': 'first' }] as const)
    await expect(start(both(from))).rejects.toMatchObject({
      code: 'TOPIC_START_UNDECLARED',
      message: expect.stringContaining(returns.topic) as string,
    });
  await start(both({ '*': 'first', [returns.topic]: 'latest' }));
  await send(returns, 3);
  await send(orders, 4);
  expect((await applied(3)).toSorted()).toEqual([1, 3, 4]);
});

it('a topic without a declared start is refused by name at the first start, too', async () => {
  await expect(start(both({ [orders.topic]: 'latest' }))).rejects.toMatchObject({
    code: 'TOPIC_START_UNDECLARED',
    message: expect.stringContaining(returns.topic) as string,
  });
});

it('a start without the tables of the inbox names the command that creates them', async () => {
  const empty = connect<LedgerDb>({ url: await freshDatabase(inject('stack').databaseUrl) });
  await expect(start(consumer('latest'), empty).finally(() => empty.close())).rejects.toMatchObject({
    code: 'INBOX_NOT_MIGRATED',
    message: expect.stringContaining('converge migrate') as string,
  });
});

// With the ends of whole topics the start is refused, and an assignment reads none of its partitions.
it('a partition without a leader keeps a registered consumer neither from its start nor from its other partitions', async () => {
  const first = await start(both('first'));
  await first.stop();
  const admin = await broker.admin();
  const error = leaderMissing({ topic: returns.topic, partition: 0 });
  const [logEnds, partitionEnds] = [admin.logEnds.bind(admin), admin.partitionEnds.bind(admin)];
  vi.spyOn(admin, 'logEnds').mockImplementation((topic) =>
    topic === returns.topic ? Promise.reject(error) : logEnds(topic),
  );
  vi.spyOn(admin, 'partitionEnds').mockImplementation((topic) =>
    topic === returns.topic ? Promise.resolve([error]) : partitionEnds(topic),
  );
  vi.spyOn(broker, 'admin').mockResolvedValueOnce(admin);
  await start(both('first'));
  await send(orders, 1);
  expect(await applied(1)).toEqual([1]);
});

it.each<[Partial<ConsumerServiceOptions<LedgerDb>>, string]>([
  [{ heartbeatIntervalMs: Number.NaN }, 'heartbeatIntervalMs is NaN'],
  [{ sessionTimeoutMs: 1_000, heartbeatIntervalMs: 1_000 }, 'heartbeatIntervalMs is 1000'],
  [{ sessionTimeoutMs: -1 }, 'sessionTimeoutMs is -1'],
  [{ parking: { schedule: { ...quickSchedule, withinMs: Number.NaN } } }, 'parking.schedule.withinMs is NaN'],
])('durations that no timer has are refused by name: %o', (options, text) => {
  expect(() => consumerService([consumer('latest')], { database, broker, ...options })).toThrow(text);
});
