import type { Broker } from '@convergekit/broker';
import { parsePosition } from '@convergekit/contracts/engine';
import { ConvergeError } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import { policyBook } from '@convergekit/resilience';
import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { freezeNext } from '../fixture/before-transaction.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { planReplay, replayPartition } from '../replay/replay.ts';
import { resumePartition } from '../operate/resume.ts';
import { tag } from '../testing/quick.ts';
import { TwinBrokers } from '../fixture/twin-brokers.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

const minutes = { baseMs: 300_000, factor: 1, capMs: 300_000 };

describe('the fence', () => {
  let twins: TwinBrokers;
  let brokers: readonly [Broker, Broker];
  let database: Database<LedgerDb>;
  let source: FixtureSource;
  /** Ends the wait of a frozen owner. */
  let freeze: PromiseWithResolvers<undefined>;
  const services: ConsumerService[] = [];
  const name = `stock-${tag()}`;
  const topic = `orders-${tag()}`;
  const { counted } = testEvents(topic);
  const events = Array.from({ length: 10 }, (_, n) => counted({ key: 'k', n }));

  beforeEach(async () => {
    freeze = Promise.withResolvers();
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    twins = await TwinBrokers.open(database, [topic, `${name}.failures`]);
    brokers = twins.both;
    source = new FixtureSource({ partitions: 1 });
    await twins.send(events.map((event) => source.record(event)));
  });
  afterEach(async () => {
    freeze.resolve(undefined);
    for (const service of services.splice(0)) await service.stop();
    await twins.close();
    await database.close();
  });

  function service(
    broker: Broker,
    options: { hold?: Promise<void>; entered?: () => void; refuse?: () => number; log: number[] },
  ): ConsumerService {
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      options.entered?.();
      await options.hold;
      if (options.refuse?.() === event.data.n)
        throw new ConvergeError('away', { code: 'AWAY', category: 'service', certainty: 'not_applied' });
      options.log.push(event.data.n);
      await note(tx, event);
    });
    const made = consumerService([consumer], {
      database,
      broker,
      lockTimeoutMs: 100,
      // The drain of an owner that froze takes no parked key of the other one, not even when it parks one.
      parking: { pollMs: 600_000, schedule: { ...defaultSlowSchedule, fast: minutes } },
    });
    services.push(made);
    return made;
  }

  /** An owner that froze before its first slice, and a second one that has applied all ten events. */
  async function frozenBeside() {
    const logs: [number[], number[]] = [[], []];
    const frozen = service(brokers[0], { log: logs[0] });
    const ready = freezeNext(database, freeze.promise);
    await frozen.start();
    await ready;
    const owner = service(brokers[1], { log: logs[1] });
    await owner.start();
    await waitUntil(async () => (await lines(database)).length === 10, { what: 'the second owner' });
    return { frozen, owner, logs };
  }

  // Planted fault: without the `p.next_offset = m.expected` of the fence, all ten are applied twice here.
  it('G3a: the fence makes a second owner wait for the handler of the first, and then move zero rows', async () => {
    const hold = Promise.withResolvers<undefined>();
    const entered = Promise.withResolvers<undefined>();
    const logs: [number[], number[]] = [[], []];
    const zombie = service(brokers[0], {
      hold: hold.promise,
      entered: () => entered.resolve(undefined),
      log: logs[0],
    });
    await zombie.start();
    await entered.promise;
    const owner = service(brokers[1], { log: logs[1] });
    await owner.start();
    await waitUntil(() => owner.status()[0]!.state === 'waiting', { what: 'fence_held' });
    expect(logs[1]).toEqual([]);
    hold.resolve(undefined);
    await waitUntil(() => owner.status()[0]!.partitions[0]!.nextOffset === 10n, {
      what: 'the owner to catch up',
    });
    expect((await lines(database)).map(({ n }) => n)).toEqual(events.map((_, n) => n));
  });

  it('G3a: the fence gives an owner that froze before its slice no effect once another has continued', async () => {
    const { frozen, logs } = await frozenBeside();
    freeze.resolve(undefined);
    await waitUntil(() => frozen.status()[0]!.partitions[0]!.nextOffset === 10n, {
      what: 'the first to learn',
    });
    expect(await lines(database)).toHaveLength(10);
    expect(logs[0]).toEqual([]);
  });

  // Planted fault: a watermark that is written after the commit. Where it is lost, the events take effect again.
  it('G3a: an effect is not committed before its watermark', async () => {
    const log: number[] = [];
    const owner = service(brokers[0], { log });
    await owner.start();
    const position = (next: bigint) =>
      waitUntil(() => owner.status()[0]!.partitions[0]?.nextOffset === next, { what: `offset ${next}` });
    await position(10n);
    const client = await database.acquire();
    try {
      await client.query('begin');
      await client.query('select from converge.inbox_watermark for update');
      await twins.send([source.record(counted({ key: 'k', n: 10 }))]);
      await waitUntil(() => waitsForLock(database.executor), { what: 'the watermark to be written' });
      expect(await lines(database)).toHaveLength(10);
    } finally {
      await client.query('rollback');
      client.release();
    }
    await position(11n);
    expect(await lines(database)).toHaveLength(11);
  });

  // Planted fault: without `fills = fills + 1` in `resumePartition`, all ten are applied twice here.
  it('an owner that froze at an offset takes nothing there when an operator has moved the partition back to it', async () => {
    const { frozen, owner, logs } = await frozenBeside();
    await owner.stop();
    await database.executor.query(
      `update converge.inbox_partition set state = 'halted', halted_code = 'topic_recreated', halted_reason = 'made again', halted_at = now() where consumer = $1`,
      [name],
    );
    // The topic that the frozen owner reads goes on.
    const admin = await brokers[0].admin();
    const key = { consumer: name, topic, partition: 0 };
    const { nextOffset } = await resumePartition(database, admin, key, {
      by: 'ann',
      reason: 'made again, with the same records',
      fromEarliest: true,
    });
    await admin.close();
    expect(nextOffset).toBe(0n);
    freeze.resolve(undefined);
    await waitUntil(() => frozen.status()[0]!.partitions[0]!.nextOffset === 10n, {
      what: 'the first to read the log again',
    });
    expect((await lines(database)).map(({ n }) => n)).toEqual(events.map((_, n) => n));
    expect(logs[0]).toEqual([]);
  });

  // Planted fault: without `fills = fills + 1` in `setBack`, 10 and 11 take effect before 8 and 9 here.
  it('an owner that froze at an offset keeps the order of a key that was parked there before a replay', async () => {
    const logs: [number[], number[]] = [[], []];
    const frozen = service(brokers[0], { log: logs[0] });
    await frozen.start();
    await waitUntil(() => logs[0].length === 10, { what: 'the first ten' });
    const ready = freezeNext(database, freeze.promise);
    await twins.send([10, 11].map((n) => source.record(counted({ key: 'k', n }))));
    await ready;
    const refused = { n: -1 };
    const owner = service(brokers[1], { log: logs[1], refuse: () => refused.n });
    await owner.start();
    await waitUntil(() => logs[1].length === 2, { what: 'the second owner' });
    const admin = await brokers[0].admin();
    const key = { consumer: name, topic, partition: 0 };
    const replayFrom = async (n: number): Promise<void> => {
      const plan = await planReplay(database.executor, admin, key, {
        kind: 'after',
        position: parsePosition(`1.1.${n}`),
      });
      expect(plan.offset).toBe(BigInt(n));
      await replayPartition(database, admin, plan, { by: 'ann', reason: 'counted wrong' });
    };
    const parked = async () => (await database.executor.query('select from converge.parked')).rowCount;
    refused.n = 8;
    await replayFrom(8);
    await waitUntil(async () => (await parked()) === 4, { what: 'the key to be parked' });
    await owner.stop();
    await replayFrom(10);
    await admin.close();
    expect(await parked()).toBe(2);
    freeze.resolve(undefined);
    await waitUntil(async () => logs[0].length > 10 || (await parked()) === 4, {
      what: 'the first to go on',
    });
    expect(logs[0].slice(10)).toEqual([]);
  });

  it('the server frees the fence when its holder is silent for longer than a handler may take', async () => {
    const url = new URL(inject('stack').databaseUrl);
    url.pathname = `/${database.target.database}`;
    const hold = Promise.withResolvers<undefined>();
    const entered = Promise.withResolvers<undefined>();
    const logs: [number[], number[]] = [[], []];
    const zombie = consumerService(
      [
        defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
          entered.resolve(undefined);
          await hold.promise;
          logs[0].push(event.data.n);
          await note(tx, event);
        }),
      ],
      {
        database,
        broker: brokers[0],
        policies: policyBook({ consumer: { attemptTimeoutMs: 1 } }),
        graceMs: 100_000,
        lockTimeoutMs: 100,
      },
    );
    services.push(zombie);
    await zombie.start();
    await entered.promise;
    // The server ends the session of a frozen process after the limit set in the slice.
    await database.executor.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
    );
    const owner = service(brokers[1], { log: logs[1] });
    await owner.start();
    await waitUntil(async () => (await lines(database)).length === 10, { what: 'the second owner' });
    hold.resolve(undefined);
    await waitUntil(() => zombie.status()[0]!.partitions[0]!.nextOffset === 10n, {
      what: 'the zombie to learn',
    });
    expect((await lines(database)).map(({ n }) => n)).toEqual(events.map((_, n) => n));
  });
});
