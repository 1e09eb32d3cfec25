import { memoryBroker } from '@convergekit/broker/testing';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Planted fault: without the count of failed terms no alarm is raised. That being admitted resets no back-off is shown by
 * attempts.test.ts alone: with that fault this test passes.
 */

closeAfterEach();

test('G5j: a leader whose first tick always fails takes the lead ever more rarely, raises an alarm by name, and continues when the cause is gone', async () => {
  const { database } = await withDatabase();
  const query = (text: string) => database.executor.query(text);
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  await query(`create function full_disk() returns trigger language plpgsql as $$ begin
    raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`);
  await query(
    'create trigger full_disk before insert on converge.tick for each row execute function full_disk()',
  );
  const pauses: number[] = [];
  const clock: typeof systemClock = {
    ...systemClock,
    // The pauses are what is looked at; they need not be waited for.
    sleep: (ms, signal) => {
      pauses.push(ms);
      return systemClock.sleep(Math.min(ms, 100), signal);
    },
  };
  const service = await started({ database, broker, clock, random: () => 0.999 });
  await writeMany(database, topic, 300);
  const raised = () => service.status().alarms.map(({ name }) => name);
  await waitUntil(() => raised().includes('leadership_failing'), { what: 'the alarm of repeated terms' });
  const alarm = service.status().alarms.find(({ name }) => name === 'leadership_failing');
  expect(alarm?.text).toContain('No space left on device');
  // Only the pause between two attempts to lead is in this range, of all loops' pauses.
  await waitUntil(() => pauses.some((ms) => ms > 1_500 && ms < 4_900), {
    what: 'a long pause between terms',
  });
  expect(service.status().published).toBe(0);
  await query('drop trigger full_disk on converge.tick');
  await untilDrained(database);
});
