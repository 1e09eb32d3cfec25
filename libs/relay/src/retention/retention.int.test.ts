import type { Database } from '@convergekit/postgres';
import { systemClock, systemRandom } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, test } from 'vitest';
import { readLog } from '../fixture/log-check.ts';
import {
  emit,
  emitSome,
  keyApart,
  names,
  ownServer,
  quick,
  setUp,
  startAt,
  ticks,
  untilGone,
} from '../fixture/retention.ts';
import { closeAfterEach, onClose } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';
import { Retention } from './retention.ts';
import { readHorizon } from './retention-sql.ts';
import { retentionDefaults } from './settings.ts';

/**
 * Code that was removed once, and a test here failed:
 * - `xmin(S(t)) >= own(m)` (a child that is merely closed goes): the late event of each kind of writer is never published;
 * - the held topics in `sent`: the child of a held topic goes before its events were sent;
 * - the ticks of cursors: an idle partition has nothing left to compare its log with;
 * - the age of the tick (`created_before`): a child goes at once;
 * - the base tick from which tick_last begins: a child goes that a rebase is about to send again;
 * - the record of what leaves (any detached child is dropped): what an operator detached is gone.
 */

ownServer();
closeAfterEach();

describe('a finished child', () => {
  test('a finished child is removed with its rows and its ticks, and the relay continues after a restart', async () => {
    const { database, broker, topic, start } = await setUp();
    await startAt(database, 999_990);
    const first = await start();
    for (let n = 1; n <= 20; n += 1) {
      await emit(database, topic, 'k', n);
      await untilDrained(database);
    }
    await emitSome(database, topic);
    await untilGone(database, 'outbox_0');
    expect(await names(database)).not.toContain('outbox_0');
    await waitUntil(async () => (await ticks(database)).length < 20, { what: 'ticks to be deleted' });
    expect((await ticks(database))[0]).toBe(0n);
    await first.stop();
    await start();
    await emit(database, topic, 'k', 21);
    await untilDrained(database);
    const log = (await readLog(broker, topic)).filter(({ key }) => key === 'k');
    expect(log.map(({ n }) => n)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  });

  test('a finished child stays after a rebase that begins new ticks, however old the earlier ones, because its rows may be sent again', async () => {
    const { database, topic, start } = await setUp({ retention: false });
    await startAt(database, 999_999);
    const service = await start();
    for (let n = 1; n <= 3; n += 1) await emit(database, topic, 'k', n);
    await emitSome(database, topic);
    await service.stop();
    await database.executor.query(`update converge.tick set created_at = created_at - interval '2 hours'`);
    const fence = { lease: 'relay', term: 1n };
    expect((await readHorizon(database.executor, fence, 3_600_000))?.finishedUpTo).toBeGreaterThan(
      1_000_000n,
    );
    await database.executor.query(
      `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
       select max(number) + 1, '3:3:', '3', 0, 0, '00000000000000aa', 2, 1 from converge.tick`,
    );
    await database.executor.query(
      'update converge.relay_source set done_tick = (select max(number) from converge.tick)',
    );
    expect(await readHorizon(database.executor, fence, 3_600_000)).toMatchObject({ finishedUpTo: 0n });
  });

  test('a finished child stays as long as its events are to be retained', async () => {
    const { database, topic, start } = await setUp({ retention: { ...quick, retainMs: 3_600_000 } });
    await startAt(database, 999_999);
    const service = await start();
    for (let n = 1; n <= 3; n += 1) await emit(database, topic, 'k', n);
    await emitSome(database, topic);
    const status = service.status();
    const fence = { lease: 'relay', term: status.state === 'leading' ? status.term : -1n };
    expect(await readHorizon(database.executor, fence, 3_600_000)).toMatchObject({ finishedUpTo: 0n });
    expect((await readHorizon(database.executor, fence, 0))?.finishedUpTo).toBeGreaterThan(1_000_000n);
    expect(await names(database)).toContain('outbox_0');
  });
});

describe('a child that is merely closed', () => {
  test.each(['an open transaction', 'a prepared transaction', 'an open transaction with an early xid'])(
    'G1d: a closed child stays while %s may still commit a row of it, and that row is published',
    async (kind) => {
      const { database, broker, topic, start } = await setUp();
      await startAt(database, 999_999);
      await start();
      const key = await keyApart(database, topic);
      const late = await database.acquire();
      onClose(() => Promise.resolve(late.release(true)));
      await late.query('begin');
      if (kind.endsWith('early xid')) {
        await late.query('select pg_current_xact_id()');
        await emitSome(database, topic);
        await startAt(database, 1_999_999);
      }
      await emit({ executor: late }, topic, key, 1);
      const gid = `late-${topic}`;
      if (kind === 'a prepared transaction') await late.query(`prepare transaction '${gid}'`);
      // The child is closed by ids beyond its bound, and by ticks that saw them; other writers come and go.
      await emitSome(database, topic);
      await emitSome(database, topic);
      const child = kind.endsWith('early xid') ? 'outbox_1000000' : 'outbox_0';
      const { rows } = await database.executor.query<{ runs: string }>(
        `select count(*)::text as runs from converge.tick t, converge.relay_source s where t.number <= s.done_tick and t.floor > 1000000`,
      );
      expect(Number(rows[0]?.runs)).toBeGreaterThan(3);
      expect(await names(database)).toContain(child);
      await late.query(kind === 'a prepared transaction' ? `commit prepared '${gid}'` : 'commit');
      await emitSome(database, topic);
      await untilGone(database, child);
      const log = await readLog(broker, topic);
      expect(log.filter((record) => record.key === key)).toHaveLength(1);
    },
  );
});

describe('events that are not published', () => {
  test('G1d: an event that was not published keeps its child and its ticks while its topic is halted, and is published when the topic is repaired', async () => {
    const { database, broker, topic, start } = await setUp({}, false);
    const other = await createTopic(broker, topicName(), 2);
    await startAt(database, 999_990);
    await start();
    for (let n = 1; n <= 5; n += 1) await emit(database, topic, 'held', n);
    await waitUntil(
      async () =>
        (await database.executor.query('select from converge.relay_topic where held_at is not null'))
          .rowCount,
      { what: 'the topic to be held' },
    );
    for (let n = 1; n <= 10; n += 1) await emit(database, other, 'k', n);
    await emitSome(database, other);
    const before = await ticks(database);
    await emitSome(database, other);
    expect(await names(database)).toContain('outbox_0');
    expect(before.every((tick, index) => tick === BigInt(index))).toBe(true);
    await createTopic(broker, topic, 3);
    await waitUntil(async () => (await readLog(broker, topic)).length === 5, { what: 'the held events' });
    await emitSome(database, other);
    await untilGone(database, 'outbox_0');
    expect((await readLog(broker, topic)).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('the tick of an idle partition', () => {
  test('the tick of an idle partition stays by itself: the log of that partition is compared with it', async () => {
    const { database, broker, topic, start } = await setUp();
    const idle = await createTopic(broker, topicName(), 1);
    await startAt(database, 999_980);
    await start();
    await emit(database, idle, 'once', 1);
    await untilDrained(database);
    const { rows } = await database.executor.query<{ tick: string }>(
      'select tick::text from converge.relay_cursor where topic = $1',
      [idle],
    );
    for (let n = 1; n <= 30; n += 1) {
      await emit(database, topic, 'k', n);
      await untilDrained(database);
    }
    await untilGone(database, 'outbox_0');
    await waitUntil(async () => (await ticks(database)).length < 20, { what: 'ticks to be deleted' });
    expect(await ticks(database)).toContain(BigInt(rows[0]?.tick ?? '-1'));
  });
});

describe('a removal', () => {
  const retentionOf = (database: Database, term: bigint): Retention =>
    new Retention({
      database,
      fence: { lease: 'relay', term },
      settings: { ...retentionDefaults, ...quick },
      clock: systemClock,
      random: systemRandom,
      signal: new AbortController().signal,
    });

  test('a removal is not decided by a relay whose term is over', async () => {
    const { database, topic, start } = await setUp({ retention: false });
    await startAt(database, 999_999);
    await start();
    await emit(database, topic, 'k', 1);
    await emitSome(database, topic);
    expect(await retentionOf(database, 99n).runOnce()).toEqual({
      children: [],
      ticks: 0,
      requests: 0,
      waiting: undefined,
    });
    expect(await names(database)).toContain('outbox_0');
    expect(await retentionOf(database, 1n).runOnce()).toMatchObject({ children: ['outbox_0'] });
  });

  test('a removal does not touch a child that an operator has detached', async () => {
    const { database, topic, start } = await setUp();
    await startAt(database, 999_999);
    await emit(database, topic, 'k', 1);
    await database.executor.query('alter table converge.outbox detach partition converge.outbox_0');
    await database.executor.query(
      'alter table converge.outbox attach partition converge.outbox_0 for values from (minvalue) to (1000000)',
    );
    await start();
    await untilDrained(database);
    await database.executor.query('alter table converge.outbox detach partition converge.outbox_0');
    await startAt(database, 1_999_999);
    await emit(database, topic, 'k', 2);
    await emitSome(database, topic);
    await untilGone(database, 'outbox_1000000');
    const { rows } = await database.executor.query<{ n: number }>(
      'select count(*)::int as n from converge.outbox_0',
    );
    expect(rows[0]?.n).toBe(1);
  });

  test('request keys are removed by their age, in batches', async () => {
    const { database, start } = await setUp({
      retention: { ...quick, retainRequestsMs: 3_600_000, batchRows: 7 },
    });
    await database.executor.query(
      `insert into converge.request (key, request_hash, created_at)
       select 'r' || i, 'h', clock_timestamp() - case when i <= 50 then interval '2 hours' else interval '0' end from generate_series(1, 60) i`,
    );
    await start();
    const left = async () =>
      (await database.executor.query<{ n: number }>('select count(*)::int as n from converge.request'))
        .rows[0]?.n;
    await waitUntil(async () => (await left()) === 10, { what: 'old requests to be forgotten' });
  });
});
