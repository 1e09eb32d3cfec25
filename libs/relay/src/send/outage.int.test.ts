import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { fastClock } from '../fixture/fast-clock.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * A minute without a broker, on a clock twenty times faster than the wall's. Code that was removed once, and a test here failed:
 * - the tick while nothing can be read (`#pauseAndTick` only waits): no tick is made during the outage;
 * - the wait before it (a tick at each turn): more than four a second;
 * - the limit of the read-ahead (`full` is false): everything written meanwhile is in memory.
 */

closeAfterEach();

const fast = fastClock(20);

test('G5v: while the broker is away for a minute, at most four ticks a second are made and memory stays bounded; afterwards all is delivered in order', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 2);
  const other = await createTopic(broker, topicName(), 2);
  const readAheadEvents = 600;
  const service = await started({
    database,
    broker,
    clock: fast,
    leaseMs: 60_000,
    saveMs: 200,
    readAheadEvents,
    pageRows: 100,
  });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  const standing = () => {
    const status = service.status();
    return status.state === 'leading' ? status : undefined;
  };
  const ticks = async (): Promise<number> => {
    const { rows } = await database.executor.query<{ n: number }>(
      'select max(number)::int as n from converge.tick',
    );
    return rows[0]?.n ?? 0;
  };
  broker.takeDown();
  await writeMany(database, topic, readAheadEvents * 3);
  await waitUntil(() => (standing()?.queued ?? 0) >= readAheadEvents, { what: 'the read-ahead to be full' });
  const [since, before] = [fast.monotonic(), await ticks()];
  let most = 0;
  await waitUntil(
    async () => {
      // Something new at every turn, so that what limits the ticks is the relay's own rhythm.
      await database.executor.query(`select converge.emit($1, 'k', 'test.other', '{}')`, [other]);
      most = Math.max(most, standing()?.queued ?? 0);
      return fast.monotonic() - since >= 60_000 && (await ticks()) - before >= 20;
    },
    { what: 'a minute to go by, with ticks in it', everyMs: 1 },
  );
  const made = (await ticks()) - before;
  const seconds = (fast.monotonic() - since) / 1_000;
  process.stderr.write(`${made} ticks in ${seconds.toFixed(0)} s; ${most} events in memory\n`);
  expect(made).toBeLessThanOrEqual(seconds * 4 + 2);
  expect(most).toBeLessThan(readAheadEvents * 2);
  expect(standing()?.held).toEqual([]);
  expect(service.status().alarms.map(({ name }) => name)).toContain('broker_unreachable');
  broker.restore();
  await untilDrained(database);
  expect(await checkLog(database.executor, topic, await readLog(broker, topic))).toMatchObject({
    ...faultless,
    events: 300 + readAheadEvents * 3,
    duplicates: 0,
  });
});
