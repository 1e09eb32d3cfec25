import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, writeMany } from '../fixture/set-up.ts';

/** Code that was removed once, and a test here failed: the end of a window at its ceil in the poll; the look beyond the sequence. */

closeAfterEach();

test('G1c: a row with an id that no sequence gave is skipped and named by an alarm, and the others are published', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  // The row dates from before the rule.
  await database.executor.query('drop trigger outbox_rules on converge.outbox');
  const service = await started({ database, broker, surveyMs: 50, alarmAfterMs: 0 });
  await waitUntil(() => service.status().state === 'leading', { what: 'the lead' });
  const admin = await broker.admin();
  const published = async (): Promise<number> => Number((await admin.logEnds(topic))[0]?.latest);
  const term = async (): Promise<unknown> =>
    (await database.executor.query('select term from converge.lease')).rows[0];
  await writeMany(database, topic, 300);
  await waitUntil(async () => (await published()) >= 300, { what: 'the events before' });
  const before = await term();
  // The poll finds each by itself, and then nothing else.
  for (const id of ['7000000000000', '9007199254740993']) {
    // The tick is read before the row exists: its window may be over as soon as the row exists.
    const { rows } = await database.executor.query<{ number: string }>(
      'select number::text from converge.tick order by number desc limit 1',
    );
    await database.executor.query(
      `insert into converge.outbox (id, event_id, topic, key, type, headers, payload)
       values ($1, gen_random_uuid(), $2, 'k', 'a.b', '{}', '{}')`,
      [id, topic],
    );
    await waitUntil(
      async () =>
        (
          await database.executor.query('select 1 from converge.relay_source where done_tick > $1::bigint', [
            rows[0]?.number,
          ])
        ).rows.length > 0,
      { what: 'a window after it', everyMs: 20 },
    );
  }
  await waitUntil(
    () =>
      service
        .status()
        .alarms.some(({ name, text }) => name === 'event_beyond_sequence' && text.includes('7000000000000')),
    { what: 'the alarm' },
  );
  await writeMany(database, topic, 300);
  await waitUntil(async () => (await published()) >= 600, { what: 'the events after it' });
  expect(await published()).toBe(600);
  expect(await term()).toEqual(before);
  await admin.close();
});
