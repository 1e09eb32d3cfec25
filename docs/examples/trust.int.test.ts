import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBroker, serviceDatabase, waitUntil } from '@convergekit/testing';
import { listParked } from '@convergekit/inbox/operate';
import { FixtureSource, makeTopics } from '@convergekit/inbox/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { signedStock } from './trust.ts';
import { orderPlaced, stock, type StockDb, TABLES } from './write-a-consumer.ts';

it('the consumer of the guide “trust” refuses an event that its source did not sign', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trust-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const keyFile = join(folder, 'orders.key');
  writeFileSync(keyFile, randomBytes(48).toString('base64'));
  const database = await serviceDatabase<StockDb>(inject('stack').databaseUrl, TABLES);
  onTestFinished(() => database.close());
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  await makeTopics(broker, [...stock.topics, stock.failureTopic], 1);
  const service = signedStock(database, broker, keyFile);
  onTestFinished(() => service.stop());
  await service.start();
  const source = new FixtureSource({ partitions: 1, name: 'orders' });
  await source.publish(broker, [orderPlaced({ orderId: 'o1', sku: 'cup', pieces: 1 })]);
  const [found] = await waitUntil(
    async () => {
      const rows = await listParked(database.executor, { consumer: stock.name }, 10);
      return rows.length > 0 ? rows : undefined;
    },
    { what: 'the refused event' },
  );
  expect(found).toMatchObject({ state: 'dead', code: 'SIGNATURE_MISSING' });
});
