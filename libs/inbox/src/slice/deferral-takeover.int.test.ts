import type { Broker } from '@convergekit/broker';
import type { Database } from '@convergekit/postgres';
import { manualClock, type ManualClock, waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { TwinBrokers } from '../fixture/twin-brokers.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { tag } from '../testing/quick.ts';
import { DEFER_MS } from './deferral.ts';

/**
 * Planted fault, seen to fail here: a fence that expects the position in memory instead of the saved one. The members then
 * wait for each other's positions without end.
 */
describe('a deferred position of an owner that lost its partition', () => {
  let twins: TwinBrokers;
  let database: Database<LedgerDb>;
  let clocks: readonly [ManualClock, ManualClock];
  const services: ConsumerService[] = [];
  const name = `stock-${tag()}`;
  const topic = `orders-${tag()}`;
  const { counted, priced } = testEvents(topic);
  const source = new FixtureSource({ partitions: 1 });
  const records = [
    ...[0, 1, 2].map((n) => source.record(priced({ key: 'k', n }))),
    ...[3, 4].map((n) => source.record(counted({ key: 'k', n }))),
  ];
  const [skipped, handled] = [records.slice(0, 3), records.slice(3)];
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );

  beforeEach(async () => {
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    twins = await TwinBrokers.open(database, [topic, `${name}.failures`]);
    clocks = [manualClock(), manualClock()];
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
    await twins.close();
    await database.close();
  });

  async function start(broker: Broker, clock: ManualClock): Promise<ConsumerService> {
    const service = consumerService([consumer], { database, broker, clock });
    services.push(service);
    await service.start();
    return service;
  }
  const at = (service: ConsumerService, offset: bigint) =>
    waitUntil(() => service.status()[0]?.partitions[0]?.nextOffset === offset, { what: `offset ${offset}` });
  const saved = async () =>
    (
      await database.executor.query<{ at: number }>(
        'select next_offset::int as at from converge.inbox_partition',
      )
    ).rows[0]?.at;
  const effects = async () => (await lines(database)).map(({ n }) => n);

  it('G3b: moves nothing once the new owner has continued, which skips the same records again', async () => {
    await twins.send(skipped);
    const old = await start(twins.both[0], clocks[0]);
    await at(old, 3n);
    const owner = await start(twins.both[1], clocks[1]);
    await twins.send(handled, [twins.both[1]]);
    await at(owner, 5n);
    expect([await saved(), await effects()]).toEqual([5, [3, 4]]);
    await twins.send(handled, [twins.both[0]]);
    await at(old, 5n);
    expect([await saved(), await effects()]).toEqual([5, [3, 4]]);
    expect(owner.status()[0]?.partitions[0]?.counts).toMatchObject({ skipped: 3, handled: 2 });
    expect(old.status()[0]?.partitions[0]?.counts).toMatchObject({ handled: 0 });
  });

  it('G3b: that is written late makes the new owner read its state again, and nothing takes effect twice', async () => {
    await twins.send(skipped);
    const old = await start(twins.both[0], clocks[0]);
    const owner = await start(twins.both[1], clocks[1]);
    await at(old, 3n);
    await at(owner, 3n);
    await clocks[0].advance(DEFER_MS);
    await waitUntil(async () => (await saved()) === 3, { what: 'the late write' });
    await twins.send(handled, [twins.both[1]]);
    await at(owner, 5n);
    await waitUntil(async () => (await saved()) === 5, { what: 'the effects' });
    expect(await effects()).toEqual([3, 4]);
  });
});
