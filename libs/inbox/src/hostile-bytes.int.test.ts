import { WIRE } from '@converge/contracts';
import { memoryBroker, type OutgoingRecord } from '@converge/kafka';
import { freshDatabase, waitUntil } from '@converge/testing';
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { defineConsumer } from './define/define-consumer.ts';
import { FixtureSource } from './fixture/fixture-source.ts';
import { ledgerDatabase, type LedgerDb, lines, makeTopics, note, testEvents } from './fixture/ledger.ts';
import { consumerService } from './service/consumer-service.ts';

const { counted } = testEvents('orders');
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constant('a\u0000b'),
  fc.constant('\ud800'),
  fc.constant('é'.repeat(3_000)),
);
const names = fc.constantFrom(...Object.values(WIRE), '__proto__', 'x', '');
const bytes = fc.uint8Array({ maxLength: 60 });
const noise = fc.record({
  key: fc.option(text),
  value: fc.option(fc.oneof(bytes, text, fc.constant('{"__proto__":{"n":1}}'), fc.constant('{"key":"k"}'))),
  headers: fc.uniqueArray(fc.tuple(names, text), { maxLength: 8, selector: ([name]) => name }),
  /** Header values that are replaced in an otherwise good event. */
  damage: fc.dictionary(
    fc.constantFrom(WIRE.id, WIRE.type, WIRE.specVersion, WIRE.time, WIRE.hops, WIRE.dataSchema),
    text,
    { maxKeys: 2 },
  ),
  good: fc.boolean(),
});

it('accounts for every record whatever its bytes, crashes on none, and a rewind makes no second letter', async () => {
  const broker = memoryBroker();
  const database = await ledgerDatabase(await freshDatabase(inject('stack').databaseUrl));
  await makeTopics(broker, ['orders', 'fuzz.failures'], 1);
  const source = new FixtureSource({ partitions: 1 });
  const consumer = defineConsumer<LedgerDb>({ name: 'fuzz', from: 'beginning' }).on(
    counted,
    (event, { tx }) => note(tx, event),
  );
  let service = consumerService([consumer], { database, broker });
  await service.start();
  const records: OutgoingRecord[] = fc
    .sample(noise, { numRuns: 600, seed: 42 })
    .map(({ key, value, headers, damage, good }, n) => {
      if (!good) return { key, value, headers, timestampMs: 0 };
      const { record } = source.record(counted({ key: `k${n}`, n }));
      const broken = record.headers.map(([name, old]) => [name, damage[name] ?? old] as const);
      return { ...record, headers: broken };
    });
  const last = source.record(counted({ key: 'last', n: 9_999 })).record;
  const producer = await broker.producer();
  const all = [...records, last];
  for (let at = 0; at < all.length; at += 10) {
    const [result] = await producer.send([
      { topic: 'orders', partition: 0, records: all.slice(at, at + 10) },
    ]);
    if (result?.ok !== true) throw result?.error ?? new Error('no result');
  }
  await producer.close();

  const partition = () => service.status()[0]!.partitions[0];
  await waitUntil(() => partition()?.nextOffset === 601n || partition()?.state === 'halted', {
    what: 'the end of the log',
  });
  expect(partition()?.state).toBe('running');
  const { handled, deadLetters, duplicates, skipped } = partition()!.counts;
  expect(handled + deadLetters + duplicates + skipped).toBe(601);
  expect(deadLetters).toBeGreaterThan(100);
  expect(handled).toBeGreaterThan(50);
  expect((await lines(database)).at(-1)).toMatchObject({ n: 9_999 });
  const count = async (table: string) =>
    (await database.executor.query<{ n: string }>(`select count(*) as n from ${table}`)).rows[0]!.n;
  expect(await count('converge.dead_letter')).toBe(String(deadLetters));
  expect(await count('converge.outbox')).toBe(String(deadLetters));

  await service.stop();
  await database.executor.query('update converge.inbox_partition set next_offset = 0');
  service = consumerService([consumer], { database, broker });
  await service.start();
  await waitUntil(() => partition()?.nextOffset === 601n, { what: 'the end of the log again' });
  expect(await count('converge.dead_letter')).toBe(String(deadLetters));
  expect(await count('converge.outbox')).toBe(String(deadLetters));
  expect(await count('ledger')).toBe(String(handled));
  await service.stop();
  await broker.close();
  await database.close();
});
