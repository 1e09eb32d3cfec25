import { collect, records, written } from '@convergekit/broker/contract';
import { localBroker } from '@convergekit/local';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { pgbouncerMissing, startPgbouncer } from '../../fixture/pgbouncer.ts';

it('G1k: a local log behind a pooler in transaction mode works: it polls, since notifications cannot arrive', async (context) => {
  const missing = pgbouncerMissing();
  if (missing !== undefined) return context.skip(missing);
  const pooler = await startPgbouncer(inject('stack').databaseUrl);
  onTestFinished(() => pooler.stop());
  const url = pooler.through(await freshDatabase(inject('stack').databaseUrl));
  const broker = localBroker({ url, clientId: 'pooled' });
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  await admin.createTopic({ name: 'pooled', partitions: 2 });
  const producer = await broker.producer();
  const seen: bigint[] = [];
  const consumer = broker.consumer({
    groupId: 'pooled',
    topics: ['pooled'],
    handlers: {
      assigned: () => Promise.resolve(new Map()),
      batch: async (batch, control) => {
        seen.push(...batch.records.map(({ offset }) => offset));
        await control.commit((seen.at(-1) ?? 0n) + 1n);
      },
      revoked: () => undefined,
    },
  });
  await consumer.start();
  onTestFinished(() => consumer.stop());
  for (let round = 0; round < 10; round += 1)
    written((await producer.send([{ topic: 'pooled', partition: 1, records: records(10) }]))[0]);
  await waitUntil(() => seen.length === 100, { what: 'every record' });
  expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => BigInt(at)));
  expect(await collect(admin.read('pooled', 1, 0n, 1_000n))).toHaveLength(100);
});
