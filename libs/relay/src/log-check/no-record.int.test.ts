import { expect, inject, test } from 'vitest';
import { dump, restore } from '../fixture/dump.ts';
import { leads, publishedTwice } from '../fixture/published.ts';
import { refusedWith, timing } from '../fixture/restored.ts';
import { closeAfterEach, onClose, started } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

closeAfterEach();

// Planted fault: without the comparison when a topic is recorded (`record`), the relay publishes over the log here.
test('a database that went back to before the first event of a topic has no record of it, and publishes nothing behind the events that it lost', async () => {
  const { database, broker, service } = await publishedTwice();
  const topic = await createTopic(broker, topicName(), 2);
  await service.stop();
  const saved = await dump(database);
  const second = await started({ database, broker, ...timing });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  await second.stop();
  const logged = () => [0, 1].map((partition) => broker.records(topic, partition).length);
  const before = logged();
  expect(Math.min(...before)).toBeGreaterThan(0);

  const restored = await restore(inject('stack').databaseUrl, saved);
  onClose(() => restored.database.close());
  // A recovery to a point in time keeps the database's oid; a dump does not.
  await restored.database.executor.query(
    `update converge.relay_source set database_oid = (select oid from pg_database where datname = current_database())`,
  );
  const next = await started({ database: restored.database, broker, ...timing });
  // The logs of the recorded topics fit.
  await leads(next);
  await writeMany(restored.database, topic, 300);
  expect(await refusedWith(next, 'database_went_back')).toContain(topic);
  // The next takeover finds the topic on record, and its log as before.
  await next.stop();
  await refusedWith(await started({ database: restored.database, broker, ...timing }), 'database_went_back');
  expect(logged()).toEqual(before);
});
