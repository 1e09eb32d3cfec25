import { memoryBroker } from '@convergekit/broker/testing';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { systemClock, systemRandom } from '@convergekit/core';
import { policyBook } from '@convergekit/resilience';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { type ForeignRecord, identityHash, recordForeign } from './foreign-steps.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';
import { setKeepForeign } from '../service/foreign-sql.ts';
import { pruneOnce } from '../service/retention.ts';

/**
 * Rows of foreign events: how long they stay, and how they leave.
 * Planted faults, each seen to fail here: no look at the log (the repeat that the log still has takes effect twice); no
 * age (rows leave too early); a repeat that does not move its row (the row leaves while the log has the repeat); no look at
 * the locks of slices (a row leaves that a slice has just moved).
 */

const DAY = 86_400_000;

describe('rows of foreign events', () => {
  let broker: ReturnType<typeof memoryBroker>;
  let database: Database<LedgerDb>;
  let service: ConsumerService;
  const name = `stock-${tag()}`;
  const topic = `orders-${tag()}`;
  const { counted } = testEvents(topic);

  /** The handler's next run fails, after it has written. */
  let fails = false;

  beforeEach(async () => {
    fails = false;
    broker = memoryBroker();
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    await makeTopics(broker, [topic, `${name}.failures`], 1);
    const consumer = defineConsumer<LedgerDb>(name, { from: 'earliest' }).on(
      counted,
      async (event, { tx }) => {
        await note(tx, event);
        if (!fails) return;
        fails = false;
        throw new Error('the first run fails');
      },
    );
    service = consumerService([consumer], {
      database,
      broker,
      keepForeignMs: 9 * DAY,
      policies: policyBook({ consumer: { backoff: { baseMs: 1, capMs: 2 } } }),
    });
    await service.start();
  });
  afterEach(async () => {
    await service.stop();
    await broker.close();
    await database.close();
  });

  const rows = async (sql: string) => (await database.executor.query(sql)).rows;
  const send = (...ns: readonly number[]) =>
    sendRecords(
      broker,
      ns.map((n) => foreignRecord(counted({ key: 'k', n }), `id-${n}`, 1)),
    );
  const read = (offset: number) =>
    waitUntil(
      async () =>
        Number((await rows('select next_offset from converge.inbox_partition'))[0]?.['next_offset']) >=
        offset,
      { what: `offset ${offset}` },
    );
  /** Makes days pass for the database. */
  const pass = (days: number) =>
    rows(`update converge.inbox_foreign set seen_at = seen_at - interval '${days} days'`);
  const prune = async () => {
    const admin = await broker.admin();
    const options = { database, clock: systemClock, random: systemRandom };
    const { signal } = new AbortController();
    return pruneOnce(options, admin, signal).finally(() => admin.close());
  };
  const left = async () =>
    (await rows('select event_id from converge.inbox_foreign order by event_id')).map(
      (row) => row['event_id'],
    );

  it('G3d: rows of foreign events stay for their retention, and leave when it is over', async () => {
    await send(1);
    await read(1);
    await pass(8);
    await send(2);
    await read(2);
    broker.truncate(topic, 0, 2n);
    expect([await prune(), await left()]).toEqual([0, ['id-1', 'id-2']]);
    // A longer time from now on: what is there stays for it, too.
    await setKeepForeign(database.executor, name, 12 * DAY);
    await pass(2);
    expect(await prune()).toBe(0);
    await setKeepForeign(database.executor, name, 9 * DAY);
    expect([await prune(), await left()]).toEqual([1, ['id-2']]);
  });

  it('G3d: the row of a foreign event stays as long as the log has a repeat of it', async () => {
    await send(1, 2, 1);
    await read(3);
    await pass(10);
    broker.truncate(topic, 0, 2n);
    expect([await prune(), await left()]).toEqual([1, ['id-1']]);
    // In another slice, too.
    await send(1);
    await read(4);
    broker.truncate(topic, 0, 3n);
    expect(await prune()).toBe(0);
    expect((await lines(database)).map(({ n }) => n)).toEqual([1, 2]);
    const admin = await broker.admin();
    await admin.deleteTopic(topic);
    expect([await prune(), await left()]).toEqual([1, []]);
  });

  // Planted fault: a row that is written in a transaction of its own. The event's next run finds a repeat, and is skipped.
  it('G3d: a foreign event whose handler fails is no repeat in its next run', async () => {
    fails = true;
    await send(1);
    await read(1);
    expect([fails, (await lines(database)).map(({ n }) => n), await left()]).toEqual([false, [1], ['id-1']]);
  });

  it('G3d: rows of foreign events stay while the log has their records, however old they are', async () => {
    await send(1, 2, 3);
    await read(3);
    await pass(40);
    expect(await prune()).toBe(0);
    broker.truncate(topic, 0, 2n);
    expect([await prune(), await left()]).toEqual([2, ['id-3']]);
    // The place is lost, and everything that the log has comes again.
    await rows('update converge.inbox_partition set next_offset = 2');
    await send(4);
    await read(4);
    expect((await lines(database)).map(({ n }) => n)).toEqual([1, 2, 3, 4]);
  });

  const event = (eventId: string, offset: bigint): ForeignRecord => ({
    identity: identityHash({ source: 'elsewhere', id: eventId }),
    payloadHash: Buffer.alloc(32, 1),
    eventId,
    topic,
    partition: 0,
    offset,
  });

  it('G3d: the row of a foreign event stays that a slice meets again while old rows leave', async () => {
    await recordForeign(database.executor, name, [event('x', 0n), event('y', 0n)]);
    await pass(10);
    broker.truncate(topic, 0, 1n);
    await withTransaction(database, {}, async (tx) => {
      expect((await recordForeign(tx, name, [event('x', 5n)])).size).toBe(1);
      expect(await prune()).toBe(1);
    });
    expect([await prune(), await left()]).toEqual([0, ['x']]);
  });

  // Planted fault: without the second try the event has no row, and takes effect again when its record is read again.
  // Planted fault: a row that moves back leaves while the log has the later repeat, which then takes effect twice.
  it('the row of a foreign event does not move back when an earlier record of it is read again', async () => {
    for (const offset of [1n, 9n, 1n]) await recordForeign(database.executor, name, [event('x', offset)]);
    expect(await rows('select record_offset from converge.inbox_foreign')).toEqual([{ record_offset: '9' }]);
  });

  it('a row that leaves while a slice meets its event again is written anew', async () => {
    const { executor } = database;
    await recordForeign(executor, name, [event('x', 0n)]);
    let leaves = 1;
    const racing: Executor = {
      query: async <R>(text: string, values?: readonly unknown[]) => {
        const answer = await executor.query<R>(text, values);
        if (leaves-- > 0) await rows('delete from converge.inbox_foreign');
        return answer;
      },
    };
    expect((await recordForeign(racing, name, [event('x', 5n)])).size).toBe(0);
    expect(await left()).toEqual(['x']);
  });

  // Planted fault: in the order of the slice it has inserted the later row already, and two slices wait for each other in turn.
  it('a slice inserts rows of foreign events in the order of their identities, whatever the order of its events', async () => {
    const [low, high] = [event('x', 0n), event('y', 1n)].toSorted((a, b) => a.identity.compare(b.identity));
    const [holder, slice] = [await database.acquire(), await database.acquire()];
    try {
      await holder.query('begin');
      await recordForeign(executorOfClient(holder), name, [low!]);
      await slice.query('begin');
      const { rows: pids } = await slice.query<{ pid: number }>('select pg_backend_pid() as pid');
      const waits = async () =>
        (await rows(`select cardinality(pg_blocking_pids(${pids[0]!.pid})) > 0 as waits`))[0]?.['waits'] ===
        true;
      const recorded = recordForeign(executorOfClient(slice), name, [high!, low!]);
      recorded.catch(() => undefined);
      await waitUntil(waits, { what: 'the slice to wait for the first row' });
      await withTransaction(database, {}, async (tx) => {
        await tx.query(`set local lock_timeout = '5s'`);
        expect((await recordForeign(tx, name, [high!])).size).toBe(0);
      });
      await holder.query('rollback');
      expect((await recorded).size).toBe(1);
    } finally {
      holder.release(true);
      slice.release(true);
    }
  });

  it('rows of foreign events are made by one slice each, when many slices have the same events at the same moment', async () => {
    for (let round = 0; round < 40; round += 1) {
      const events = Array.from({ length: 10 }, (_, n) => event(`${round}-${n}`, 0n));
      const slices = Array.from({ length: 8 }, () =>
        withTransaction(database, {}, async (tx) => (await recordForeign(tx, name, events)).size),
      );
      const known = await Promise.all(slices);
      expect(known.toSorted((a, b) => a - b)).toEqual([0, ...Array.from({ length: 7 }, () => 10)]);
    }
  });
});
