import { CONTENT_TYPE, RELAY_HEADERS, SPEC_VERSION, START, WIRE } from '@convergekit/contracts/engine';
import { type OutgoingRecord, RecordBatchBuilder } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { describe, expect, test } from 'vitest';
import { Encoder } from './encode.ts';
import { rowsOf } from '../fixture/blocks.ts';
import { blockOf, type OutboxRow, OutboxRows } from '../window/outbox-rows.ts';
import { PositionText } from './position-text.ts';

/**
 * Code that was removed once, and a test here failed: the template kept by type *and* stored headers; the layout of a position when
 * its number of digits changes; the time that is written when the millisecond changes.
 */
import fc from 'fast-check';

const source = { id: '0198c0de-aaaa-7000-8000-000000000001', name: 'schop-é', epoch: 1 };
const tick = { number: 17n, nonce: '00000000000000ab' };
const row: OutboxRow = {
  id: '7',
  event_id: '0198c0de-0000-7000-8000-000000000001',
  topic: 't',
  key: 'k',
  type: 'shop.order.placed',
  headers: JSON.stringify({
    ce_dataschema: 'urn:converge:a:2',
    traceparent: '00-ab',
    ce_pos: 'forged',
    n: 1,
  }),
  payload: '{"a":1}',
  created_ms: 1_700_000_000_123,
};

/** Encodes the rows as objects, by a second implementation: the expected records. */
function recordsOf(rows: readonly OutboxRow[]): OutgoingRecord[] {
  let prev = '1.0.0';
  return rows.map((of) => {
    const stored = Object.entries(storedOf(of.headers)).filter(
      ([name, value]) => !RELAY_HEADERS.has(name) && typeof value === 'string',
    ) as [string, string][];
    const headers: [string, string][] = [
      [WIRE.specVersion, SPEC_VERSION],
      [WIRE.id, of.event_id],
      [WIRE.source, source.name],
      [WIRE.sourceId, source.id],
      [WIRE.type, of.type],
      [WIRE.time, new Date(of.created_ms).toISOString()],
      [WIRE.subject, of.key],
      [WIRE.position, `1.17.${of.id}.00000000000000ab`],
      [WIRE.prev, prev],
      ...stored,
    ];
    if (!stored.some(([name]) => name === WIRE.contentType)) headers.push([WIRE.contentType, CONTENT_TYPE]);
    prev = `1.17.${of.id}`;
    return { key: of.key, value: of.payload, headers, timestampMs: of.created_ms };
  });
}

function storedOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

function encoded(rows: readonly OutboxRow[], block = blockOf(rows)): Buffer {
  const encoder = new Encoder(source);
  const batch = new RecordBatchBuilder();
  const prev = new PositionText();
  prev.setTo(START);
  const over = new OutboxRows();
  over.load(block);
  encoder.begin(1, tick);
  while (over.next()) {
    const before = batch.size;
    const room = encoder.room(over);
    encoder.write(over, batch, prev);
    expect(batch.size - before).toBeLessThanOrEqual(room);
  }
  return batch.seal().bytes;
}

/** Returns the records read from a log after single records, or one batch, were written. */
async function throughLog(records: readonly OutgoingRecord[] | Buffer, length: number): Promise<unknown> {
  const broker = memoryBroker();
  const admin = await broker.admin();
  await admin.createTopic({ name: 't', partitions: 1, config: { 'max.message.bytes': '4000000' } });
  const producer = await broker.producer();
  const batch = Buffer.isBuffer(records) ? { length, bytes: records } : records;
  expect(await producer.send([{ topic: 't', partition: 0, records: batch }])).toMatchObject([{ ok: true }]);
  const read: unknown[] = [];
  for await (const record of admin.read('t', 0, 0n, 1_000_000n)) read.push(record);
  await broker.close();
  return read;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((some) => some.replaceAll('\0', '')),
  fc.constantFrom('', 'x'.repeat(63), 'x'.repeat(64), 'é'.repeat(4_095), 'é'.repeat(4_096)),
);
const anyRow = fc.record({
  id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(String),
  event_id: fc.uuid(),
  topic: fc.constant('t'),
  key: text,
  type: fc.oneof(fc.constantFrom('a', 'b'), text),
  headers: fc.oneof(
    fc.constantFrom(row.headers, '{}', 'nonsense', '[1]', 'null', '{"content-type":"text/plain"}'),
    fc
      .dictionary(fc.constantFrom('traceparent', 'baggage', 'ce_hops', 'ce_prev', 'übel'), text)
      .map((of) => JSON.stringify(of)),
  ),
  payload: text,
  created_ms: fc.oneof(
    fc.constantFrom(0, 1_700_000_000_123),
    fc.integer({ min: -1_000_000, max: 4_000_000_000_000 }),
  ),
});

describe('a record', () => {
  test('an encoded record equals that of the plain encoder, whatever is in the row', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 12 }), async (rows) => {
        const [bytes, objects] = await Promise.all([
          throughLog(encoded(rows), rows.length),
          throughLog(recordsOf(rows), rows.length),
        ]);
        expect(bytes).toEqual(objects);
      }),
      { numRuns: 200 },
    );
  });

  test('a record of a megabyte and one with empty texts are encoded unchanged', async () => {
    const rows = [
      { ...row, payload: 'é'.repeat(524_288), id: '9' },
      { ...row, key: '', payload: '', type: '', headers: '', id: '10' },
    ];
    expect(await throughLog(encoded(rows), 2)).toEqual(await throughLog(recordsOf(rows), 2));
  });

  test('a record with a time beyond the calendar gets the last possible time', () => {
    const rows = new OutboxRows();
    rows.load(rowsOf([{ created_ms: 8.64e15 }]));
    expect(rows.next()).toBe(true);
    expect(new Date(rows.createdMs).toISOString()).toBe('9999-12-31T23:59:59.999Z');
  });
});
