import { memoryBroker } from '@convergekit/broker/testing';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { systemClock, systemRandom } from '@convergekit/core';
import { policyBook } from '@convergekit/resilience';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { foreignRecord, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { readSlotsDue, setKeepForeign, pruneSlot } from './foreign-slot-sql.ts';
import { type ForeignEvent, identityHash, recordForeign } from './foreign-steps.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';
import { pruneOnce } from '../service/retention.ts';

/**
 * Rows of foreign events: how long they stay, and how they leave.
 * Planted faults, each seen to fail here: no look at the log (the repeat that the log still has takes effect twice); no
 * second look under the lock (a slot is emptied twice); only the current slot
 * looked at (a repeat after a pruning takes effect twice); no age of the oldest slot (rows leave too early when the time to
 * keep was made longer); `on conflict` with one of two unique indexes (slices at the same moment fail).
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
    const consumer = defineConsumer<LedgerDb>({ name, from: 'earliest' }).on(
      counted,
      async (event, { tx }) => {
        await note(tx, event);
        if (!fails) return;
        fails = false;
        throw new Error('the first run fails');
      },
    );
    service = consumerService([consumer], {
      ...{ database, broker, keepForeignMs: 9 * DAY },
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
    rows(`update converge.inbox_foreign_slot set began_at = began_at - interval '${days} days'`);
  const prune = async () => {
    const admin = await broker.admin();
    const options = { database, clock: systemClock, random: systemRandom };
    const { signal } = new AbortController();
    return (await pruneOnce(options, admin, signal).finally(() => admin.close()))?.kind;
  };
  const left = async () =>
    (await rows('select event_id from converge.inbox_foreign_seen order by event_id')).map(
      (row) => row['event_id'],
    );

  it('G3d: rows of foreign events stay for their retention, whichever slot they are in, and leave one slot at a time', async () => {
    await send(1);
    await read(1);
    expect(await prune()).toBeUndefined();
    await pass(3);
    expect(await prune()).toBe('pruned');
    await send(1, 2); // the first is a repeat, from another slot
    await read(3);
    for (const days of [3, 3]) {
      await pass(days);
      expect(await prune()).toBe('pruned');
      expect(await prune()).toBeUndefined();
    }
    expect(await left()).toEqual(['id-1', 'id-2']);
    expect((await lines(database)).map(({ n }) => n)).toEqual([1, 2]);
    broker.truncate(topic, 0, 3n);
    // A longer time from now on: what is there stays for it, too.
    await setKeepForeign(database.executor, name, 12 * DAY);
    await pass(4);
    expect(await prune()).toBeUndefined();
    await setKeepForeign(database.executor, name, 9 * DAY);
    expect(await prune()).toBe('pruned');
    expect(await left()).toEqual(['id-2']);
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
    for (let prunings = 0; prunings < 3; prunings += 1) {
      await pass(9);
      expect(await prune()).toBe('pruned');
    }
    await pass(9);
    expect(await prune()).toBe('in_log');
    broker.truncate(topic, 0, 2n);
    expect(await prune()).toBe('in_log');
    // The place is lost, and everything that the log has comes again.
    await rows('update converge.inbox_partition set next_offset = 2');
    await send(4);
    await read(4);
    expect((await lines(database)).map(({ n }) => n)).toEqual([1, 2, 3, 4]);
    broker.truncate(topic, 0, 3n);
    expect(await prune()).toBe('pruned');
    expect(await left()).toEqual(['id-4']);
  });

  const event: ForeignEvent = {
    identity: identityHash({ source: 'elsewhere', id: 'x' }),
    payloadHash: Buffer.alloc(32, 1),
    eventId: 'x',
  };
  const record = async (tx: Executor) => (await recordForeign(tx, name, [event])).size;
  const waiting = (count: number) =>
    waitUntil(
      async () =>
        (
          await rows(
            `select from pg_locks join pg_database d on d.oid = database where not granted and datname = current_database()`,
          )
        ).length >= count,
      {
        what: `${count} to wait`,
      },
    );
  /** Makes a pruning due, whatever a present slice has written and not committed. */
  const another = () =>
    rows(`insert into converge.inbox_foreign_seen (slot, consumer, identity, payload_hash, event_id)
          values (0, 'other', sha256('y'), sha256('y'), 'y')`);

  it('G3d: a foreign id that comes twice while the slots rotate is found', async () => {
    await pass(9);
    await another();
    const committed = Promise.withResolvers<undefined>();
    const recorded = Promise.withResolvers<undefined>();
    const first = withTransaction(database, {}, async (tx) => {
      const known = await record(tx);
      recorded.resolve(undefined);
      await committed.promise;
      return known;
    });
    await recorded.promise;
    const pruned = prune();
    await waiting(1);
    const second = withTransaction(database, {}, record);
    await waiting(2);
    committed.resolve(undefined);
    expect([await first, await pruned, await second]).toEqual([0, 'pruned', 1]);
    expect(await left()).toEqual(['x', 'y']);
  });

  it('rows of foreign events are made by one slice each, when many slices have the same events at the same moment', async () => {
    for (let round = 0; round < 40; round += 1) {
      const events = Array.from({ length: 10 }, (_, n): ForeignEvent => {
        const eventId = `${round}-${n}`;
        return {
          identity: identityHash({ source: 's', id: eventId }),
          payloadHash: Buffer.alloc(32),
          eventId,
        };
      });
      const slices = Array.from({ length: 8 }, () =>
        withTransaction(database, {}, async (tx) => (await recordForeign(tx, name, events)).size),
      );
      const known = await Promise.all(slices);
      expect(known.toSorted((a, b) => a - b)).toEqual([0, ...Array.from({ length: 7 }, () => 10)]);
    }
  });

  it('rows of foreign events stay when two members would empty the same slot', async () => {
    await pass(9);
    await another();
    const due = await readSlotsDue(database.executor);
    const pruneDue = () => withTransaction(database, {}, (tx) => pruneSlot(tx, due!));
    expect(await pruneDue()).toBe(true);
    await withTransaction(database, {}, record);
    expect([await pruneDue(), await left()]).toEqual([false, ['x', 'y']]);
  });
});
