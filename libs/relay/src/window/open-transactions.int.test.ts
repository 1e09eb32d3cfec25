import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { copyExecutorOfClient } from '../../../postgres/src/copy-binary.ts';
import { freshDatabase } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { idsOf } from '../fixture/blocks.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { pollOutbox, type PollRequest, readLatestTick, readTicks } from './window-sql.ts';
import { readWindow } from './window-reader.ts';

/**
 * Windows with transactions that are open elsewhere, or begin while a tick is made. Code that was removed once, and a
 * test here failed:
 * - windows by what is visible (taken as `xid < xmin` of the snapshot, a horizon): one open writer holds all back;
 * - `floor` from an earlier statement (taken from the tick's own): a writer that began between the tick's xid and its
 *   floor is in no window.
 */

closeAfterEach();

// The first event of a key of its own: the other writers' keys stay free.
const insertSql = `
  insert into converge.outbox (event_id, topic, key, type, headers, payload)
  values (gen_random_uuid(), $1, $2, 'test.event', '{}', json_build_object('key', $2::text, 'n', 1)::text)`;

describe('a transaction that stays open', () => {
  test('an open transaction in this or another database of the cluster, prepared or idle, holds back nothing but its own events', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 4);
    const elsewhere = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'elsewhere') });
    onClose(() => elsewhere.close());
    const elsewhereTx = await opened(elsewhere, 'create table some_table ()');
    const reader = await opened(database, 'set transaction isolation level repeatable read');
    await reader.query('select count(*) from converge.outbox');
    const idle = await opened(database, insertSql, [topic, 'idle']);
    const prepared = await opened(database, insertSql, [topic, 'prepared']);
    const gid = topicName();
    await prepared.query(`prepare transaction '${gid}'`);
    const service = await started({ database, broker });
    for (let round = 1; round <= 3; round += 1) {
      await writeMany(database, topic, 300);
      await untilDrained(database);
      expect(service.status().published).toBe(300 * round);
    }
    await idle.query('commit');
    await untilDrained(database);
    expect(service.status().published).toBe(901);
    await prepared.query(`commit prepared '${gid}'`);
    await untilDrained(database);
    expect(await checkLog(database.executor, topic, await readLog(broker, topic))).toMatchObject({
      ...faultless,
      duplicates: 0,
      events: 902,
    });
    for (const tx of [elsewhereTx, reader]) await tx.query('rollback');
  });

  test('a transaction that began while a tick was made is in a later window, however small the pages', async () => {
    const { database } = await withDatabase();
    await database.executor.query(
      `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'test', 1, 'infinity')`,
    );
    const request = (at: Awaited<ReturnType<typeof readLatestTick>>): PollRequest => ({
      previous: at.tick,
      lowest: 1n,
      page: 1,
      floor: at.sequence,
      nonce: '00000000000000aa',
      epoch: 1,
      lease: 'relay',
      term: 1n,
      always: true,
    });
    await writeMany(database, 't', 300);
    const at = await readLatestTick(database.executor);
    // The tick's transaction has an xid, and is blocked before it reads the sequence.
    const ticking = await opened(database, 'select pg_current_xact_id()');
    const writer = await opened(database, insertSql, ['t', 'late']);
    const first = await pollOutbox(ticking, request(at));
    await ticking.query('commit');
    expect(first.tick?.floor).toBe(at.sequence);
    expect(first.tick?.ceil).toBe(at.sequence + 1n);
    await writer.query('commit');
    await writeMany(database, 't', 300);
    const second = await pollOutbox(
      database.executor,
      request({ tick: first.tick!, sequence: first.sequence }),
    );
    expect(second.tick?.floor).toBe(at.sequence + 1n);
    const ids: string[] = [];
    const reading = await database.acquire();
    const copies = copyExecutorOfClient(reading);
    const [start] = await readTicks(database.executor, 0n, 1);
    for (const [previous, tick] of [
      [start!, first.tick!],
      [first.tick!, second.tick!],
    ] as const)
      for await (const page of readWindow(copies, { previous, tick, lowest: 1n }, () => 1))
        for await (const block of page) ids.push(...idsOf([block]));
    reading.release();
    expect(ids).toEqual(Array.from({ length: 601 }, (_, n) => String(n + 1)));
  });
});

async function opened(database: Database, sql: string, values: readonly unknown[] = []) {
  const client = await database.acquire();
  onClose(() => Promise.resolve(client.release(true)));
  const tx = executorOfClient(client);
  await tx.query('begin');
  await tx.query(sql, values);
  return tx;
}
