import { LogLink } from '@convergekit/broker/engine';
import { records } from '@convergekit/broker/contract';
import { newUuidV7 } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { freshLog, name } from '../fixture/fresh-log.ts';
import { LogSession } from '../session/log-session.ts';
import { storeOn } from '../log/store.ts';

// Without the read after some time, known ends answer for ever for an append that was not announced.
it('known ends answer a fetch for a moment, and are read again although no notification came', async () => {
  const { broker, database } = await freshLog(inject('stack').databaseUrl);
  const topic = name();
  await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
  const clock = manualClock();
  const session = new LogSession({ database, clock, requestTimeoutMs: 60_000 });
  const link = new LogLink({
    store: storeOn(session),
    clock,
    groupId: newUuidV7(),
    topics: [topic],
    sessionTimeoutMs: 10_000,
    // All notifications are lost, and nothing says so.
    wakeUps: { isLive: true, next: () => new Promise<void>(() => undefined) },
  });
  await link.connect();
  const want = { topic, partition: 0, offset: 0n, maxBytes: 1_000_000 };
  const first = await link.fetch(0, [want], 0);
  const second = link.fetch(0, [want], 1_000);
  await (await broker.producer()).send([{ topic, partition: 0, records: records(1) }]);
  await clock.advance(1_000);
  const known = await second;
  await clock.advance(1_500);
  const read = [first, known, await link.fetch(0, [want], 0)].map(
    ([answer]) => answer?.ok === true && answer.records.length,
  );
  await link.close();
  expect(read).toEqual([0, 0, 1]);
});
