import { WIRE } from '@convergekit/contracts/engine';
import type { OutgoingRecord } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import fc from 'fast-check';
import { beforeAll, expect, inject, it } from 'vitest';
import { captureLogs } from '@convergekit/telemetry/testing';
import { z } from 'zod';
import { defineConsumer } from '../define/define-consumer.ts';
import { inPlace, makeTopics } from '../testing/quick.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { ledgerDatabase, type LedgerDb, lines, note, testEvents } from '../fixture/ledger.ts';
import { consumerService } from '../service/consumer-service.ts';

/**
 * Tests with arbitrary bytes. Planted faults, each tried here:
 * - `eventContextOf` with ids of any length: the failure event of a long one cannot be sent, and the consumer stops;
 * - `report.attempt` with the message of every error: the canary is found in what JSON.parse, Postgres and zod quote;
 * - `hideValuesOf` that changes nothing: the canary is found in what the handler says.
 */

/** The canary is in every payload; payloads never appear in logs, at any level. */
const CANARY = 'canary-8c1f';
const logged: string[] = [];
const RECORDS = inject('full') ? 600 : 180;
beforeAll(() => captureLogs('info', (line) => logged.push(line)));

const { counted } = testEvents('orders');
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constant('a\u0000b'),
  fc.constant('\ud800'),
  fc.constant('é'.repeat(3_000)),
);
const names = fc.constantFrom(...Object.values(WIRE), '__proto__', 'x', '');
const bytes = fc.uint8Array({ maxLength: 60 }).map((some) => Buffer.concat([some, Buffer.from(CANARY)]));
/** Near to what is expected, and wrong: what a parser would quote in its complaint. */
const nearly = fc.constantFrom(
  `{"__proto__":{"n":1},"key":"${CANARY}"}`,
  `{"key":"${CANARY}"}`,
  `{"key":"${CANARY}","n":"${CANARY}"}`,
  `{"key":"k","n":1,"${CANARY}":1`,
  `{"key":"k","n":${CANARY}}`,
  CANARY,
  `"${CANARY}"`,
  `[${'['.repeat(500)}"${CANARY}"`,
);
const noise = fc.record({
  key: fc.option(text),
  value: fc.option(fc.oneof(bytes, nearly)),
  headers: fc.uniqueArray(fc.tuple(names, text), { maxLength: 8, selector: ([name]) => name }),
  /** Header values that are replaced in an otherwise good event. */
  damage: fc.dictionary(
    fc.constantFrom(WIRE.id, WIRE.type, WIRE.specVersion, WIRE.time, WIRE.hops, WIRE.dataSchema),
    text,
    { maxKeys: 2 },
  ),
  /** True when the record's payload is replaced. */
  spoilt: fc.option(fc.oneof(bytes, nearly), { freq: 2 }),
  good: fc.boolean(),
});

it('S15, G5c, G5e: a consumer accounts for every record whatever its bytes, crashes on none, and a rewind makes no second dead letter', async () => {
  const broker = memoryBroker();
  const { database } = await ledgerDatabase(inject('stack').databaseUrl);
  await makeTopics(broker, ['orders', 'fuzz.failures'], 1);
  const source = new FixtureSource({ partitions: 1 });
  const consumer = defineConsumer<LedgerDb>('fuzz', { from: 'first' }).on(counted, async (event, { tx }) => {
    await note(tx, event);
    // The handler uses a field of an unexpected type: both errors quote it.
    if (event.data.n % 60 === 1) JSON.parse(`${CANARY} ${event.data.key}`);
    if (event.data.n % 20 === 2) throw new Error(`no stock for ${event.data.key} in the warehouse`);
    if (event.data.n % 60 === 3)
      z.object({})
        .strict()
        .parse({ [CANARY]: CANARY });
    if (event.data.n % 60 > 57) await executorOf(tx).query('select $1::int', [`${CANARY} ${event.data.key}`]);
  });
  // The limits are raised, because so many failures at once are a systemic fault, for which the partition would wait.
  const parking = { systemic: { keys: 10_000, withinMs: 60_000 } };
  const quick = { policies: inPlace({ attempts: 1 }), parking };
  let service = consumerService([consumer], { database, broker, ...quick });
  await service.start();
  const records: OutgoingRecord[] = fc
    .sample(noise, { numRuns: RECORDS, seed: 42 })
    .map(({ key, value, headers, damage, good, spoilt }, n) => {
      if (!good) return { key, value, headers, timestampMs: 0 };
      const { record } = source.record(counted({ key: `k${n} ${CANARY}`, n }));
      const broken = record.headers.map(([name, old]) => [name, damage[name] ?? old] as const);
      return { ...record, headers: broken, ...(spoilt === null ? {} : { value: spoilt }) };
    });
  const producer = await broker.producer();
  // The event's id, twice in the headers of its failure event, exceeds the limit of headers.
  const long = source.record(counted({ key: 'long', n: 58 }), 'é'.repeat(3_000)).record;
  // Each error of the handler has an event, whatever chance gives.
  const thrown = [661, 662, 663, 719].map(
    (n) => source.record(counted({ key: `k${n} ${CANARY}`, n })).record,
  );
  const last = source.record(counted({ key: 'last', n: 9_999 })).record;
  const all = [...records, long, ...thrown, last];
  for (let at = 0; at < all.length; at += 10) {
    const [result] = await producer.send([
      { topic: 'orders', partition: 0, records: all.slice(at, at + 10) },
    ]);
    if (result?.ok !== true) throw result?.error ?? new Error('no result');
  }
  await producer.close();

  const partition = () => service.status()[0]!.partitions[0];
  await waitUntil(() => partition()?.nextOffset === BigInt(all.length) || partition()?.state === 'halted', {
    what: 'the end of the log',
  });
  expect(partition()?.state).toBe('running');
  const { handled, deadLetters, duplicates, skipped, parked } = partition()!.counts;
  expect(handled + deadLetters + duplicates + skipped + parked).toBe(all.length);
  expect(deadLetters).toBeGreaterThan(RECORDS / 6);
  expect(handled).toBeGreaterThan(RECORDS / 12);
  expect((await lines(database)).at(-1)).toMatchObject({ n: 9_999 });
  const count = async (table: string) =>
    (await database.executor.query<{ n: string }>(`select count(*) as n from ${table}`)).rows[0]!.n;
  expect(await count('converge.parked')).toBe(String(deadLetters + parked));
  expect(await count('converge.outbox')).toBe(String(deadLetters));

  await service.stop();
  await database.executor.query('update converge.inbox_partition set next_offset = 0');
  service = consumerService([consumer], { database, broker, ...quick });
  await service.start();
  await waitUntil(() => partition()?.nextOffset === BigInt(all.length), { what: 'the end of the log again' });
  expect(await count('converge.parked')).toBe(String(deadLetters + parked));
  expect(await count('converge.outbox')).toBe(String(deadLetters));
  expect(await count('ledger')).toBe(String(handled));
  await service.stop();
  // A kind of failure has a hundred lines a minute at most.
  expect(logged.length).toBeGreaterThan(RECORDS / 6);
  expect(logged.filter((line) => line.includes(CANARY))).toEqual([]);
  const reasons = logged.map(
    (line) => (JSON.parse(line) as { reason?: string; stack?: string }).reason ?? '',
  );
  expect(reasons).toContain('no stock for [value] in the warehouse');
  expect(reasons).toContain('a text could not be parsed (the message quotes it)');
  expect(reasons.some((reason) => /^SQLSTATE 22P02/.test(reason))).toBe(true);
  expect(reasons).toContain('data does not fit its schema: the whole (unrecognized_keys)');
  expect(logged.some((line) => line.includes('hostile-bytes.int.test.ts:'))).toBe(true);
  await broker.close();
  await database.close();
});
