import { memoryBroker } from '@convergekit/broker/testing';
import { migrate } from '@convergekit/postgres';
import { outboxMigrations } from '@convergekit/outbox';
import { expect, test } from 'vitest';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { refusedWith } from '../fixture/restored.ts';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { relayMigrations } from '../migrations.ts';
import { readOutbox } from '../operate/index.ts';

closeAfterEach();

/** A relay that has published 300 events. */
async function ofPublished() {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 2);
  const service = await started({ database, broker });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  return { database, broker, topic, service };
}

// Seen to fail with the advice to migrate, which writes no row again.
test('a relay whose row was deleted by hand names the statement that helps, and sends nothing twice', async () => {
  const { database, broker, topic, service } = await ofPublished();
  await database.executor.query('delete from converge.relay_source');
  await writeMany(database, topic, 300);
  const trouble = await refusedWith(service, 'RELAY_ROWS_MISSING');
  expect(await migrate(database, [outboxMigrations, relayMigrations])).toEqual([]);
  await expect(readOutbox(database.executor)).rejects.toMatchObject({ code: 'RELAY_ROWS_MISSING' });
  const [, statement = ''] = /`([^`]+)`/.exec(trouble) ?? [];
  await database.executor.query(statement);
  await untilDrained(database);
  const events = await readLog(broker, topic);
  expect(await checkLog(database.executor, topic, events)).toMatchObject({ ...faultless, events: 600 });
});

// Planted fault: a leader that begins at the next tick that is there, and passes over the events between.
test('a relay whose last tick is gone does not lead from a later one', async () => {
  const { database, broker, topic, service } = await ofPublished();
  await service.stop();
  await database.executor.query(
    'update converge.tick set number = number + 1 where number = (select done_tick from converge.relay_source)',
  );
  await writeMany(database, topic, 300);
  await refusedWith(await started({ database, broker }), 'RELAY_ROWS_MISSING');
  expect(await readLog(broker, topic)).toHaveLength(300);
});

// Planted fault: a database without its identity that is advised to insert a row of the relay.
test('an outbox without its identity is named as that', async () => {
  const { database } = await withDatabase();
  await database.executor.query('delete from converge.source');
  await expect(readOutbox(database.executor)).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
});

test('a relay without its ticks says that no statement brings them back', async () => {
  const { database } = await withDatabase();
  await database.executor.query('delete from converge.tick');
  const service = await started({ database, broker: closing(memoryBroker()) });
  const trouble = await refusedWith(service, 'RELAY_ROWS_MISSING');
  expect(trouble).toMatch(/^converge\.tick lacks the tick .* Restore this database/);
});
