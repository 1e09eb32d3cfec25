import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { dump, restore } from '../fixture/dump.ts';
import { ownPostgres, reconfigure, shutDownImmediately } from '../fixture/own-postgres.ts';
import { idsIn, readAll, refusedWith, timing } from '../fixture/restored.ts';
import { closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { rebaseSource } from './rebase.ts';

/**
 * Restores into another cluster, and sequence values that are handed out again after a crash.
 * Code that was removed once, and a test here failed:
 * - transaction ids are given anew when the tables come from another cluster (new events are never seen);
 * - what was drawn after the fork's `ceil` is new, whatever its transaction id says.
 */

closeAfterEach();

test('G3h: a dump that is loaded into a younger cluster is refused, and after a rebase exactly what the log lacks is sent', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 3);
  const first = await started({ database, broker, ...timing });
  for (let windows = 0; windows < 2; windows += 1) {
    await writeMany(database, topic, 300);
    await untilDrained(database);
  }
  await first.stop();
  const sent = await idsIn(database, topic);
  // Committed before the dump, never sent.
  await writeMany(database, topic, 300);
  const saved = await dump(database);
  const waiting = (await idsIn(database, topic)).filter((id) => !sent.includes(id));
  const second = await started({ database, broker, ...timing });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  await second.stop();
  const lost = (await idsIn(database, topic)).filter((id) => !sent.includes(id) && !waiting.includes(id));

  const young = await ownPostgres({});
  const restored = await restore(young.server.address, saved);
  onClose(() => restored.database.close());
  // Positions that were saved late: the log is ahead of them, in ticks that both have.
  await restored.database.executor.query('update converge.relay_source set done_tick = 0');
  await restored.database.executor.query('update converge.relay_cursor set tick = 0, id = 0, log_end = null');
  // Written here before anybody noticed: under transaction ids that the old snapshots take for long past.
  await writeMany(restored.database, topic, 300);
  const service = await started({ database: restored.database, broker, ...timing });
  expect(await refusedWith(service, 'database_went_back')).toContain('has no tick');
  const report = await rebaseSource({
    by: 'ada',
    database: restored.database,
    broker,
    reason: 'other cluster',
  });
  expect(report.newTransactionIds).toBe(true);
  const named = (kind: string) =>
    report.phantoms.filter((one) => one.kind === kind).map(({ eventId }) => eventId);
  expect(named('phantom').toSorted()).toEqual(lost.toSorted());
  expect(named('sent_again').toSorted()).toEqual(waiting.toSorted());

  await untilDrained(restored.database);
  await writeMany(restored.database, topic, 300);
  await untilDrained(restored.database);
  const fresh = (await readAll(broker, topic)).filter(
    ({ epoch, type }) => epoch === 2 && type !== 'converge.epoch',
  );
  const expected = (await idsIn(restored.database, topic)).filter((id) => !sent.includes(id));
  expect(expected).toHaveLength(900);
  expect(fresh.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
});

test('ids that a crash handed out again belong to other events, at other positions', async () => {
  const own = await ownPostgres({ synchronous_commit: 'off' });
  const { database, server } = own;
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  const service = await started({ database, broker, ...timing });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  await service.stop();
  await reconfigure(own, { wal_writer_delay: "'10s'", wal_writer_flush_after: "'2GB'" });
  // Drawn and committed, and then lost: nothing was flushed.
  const drawn = async (): Promise<{ id: string; event: string }[]> => {
    await writeMany(database, topic, 300);
    const { rows } = await database.executor.query<{ id: string; event: string }>(
      'select id::text, event_id::text as event from converge.outbox order by converge.outbox.id desc limit 300',
    );
    return rows;
  };
  // Something else may have flushed what was to be lost: then once more.
  let reused = 0;
  for (let round = 0; round < 5 && reused === 0; round += 1) {
    const before = await drawn();
    await shutDownImmediately(own);
    await server.start();
    await waitUntil(
      () =>
        database.ping().then(
          () => true,
          () => false,
        ),
      { what: 'Postgres' },
    );
    const remaining = await idsIn(database, topic);
    const gone = before.filter(({ event }) => !remaining.includes(event));
    const after = await drawn();
    const lost = new Set(gone.map(({ id }) => id));
    reused = after.filter(({ id }) => lost.has(id)).length;
    process.stderr.write(`${gone.length} commits gone, ${reused} of their ids handed out again\n`);
  }
  expect(reused).toBeGreaterThan(0);
  const next = await started({ database, broker, ...timing });
  await untilDrained(database);
  expect(next.status().state).toBe('leading');
  const log = await readAll(broker, topic);
  // The cursor's commit was as little durable as the writers': events before the cursor may come once more, unchanged.
  const published = new Set(log.map(({ id }) => id));
  expect([...published].toSorted()).toEqual((await idsIn(database, topic)).toSorted());
  expect(new Set(log.map(({ id, position }) => `${id} ${position}`)).size).toBe(published.size);
  expect(new Set(log.map(({ position }) => position)).size).toBe(published.size);
});
