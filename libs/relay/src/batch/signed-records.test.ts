import { signingKey, START, verifySignature, WIRE } from '@convergekit/contracts/engine';
import { type IncomingRecord, RecordBatchBuilder } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { expect, test } from 'vitest';
import { Encoder } from './encode.ts';
import { blockOf, type OutboxRow, OutboxRows } from '../window/outbox-rows.ts';
import { PositionText } from './position-text.ts';

/** Planted faults, each seen to fail here: a signature of what is there before the number of headers is; one header too few. */

const key = signingKey('a secret of at least thirty-two bytes');
const row: OutboxRow = {
  id: '7',
  event_id: '0198c0de-0000-7000-8000-000000000001',
  topic: 't',
  key: 'k',
  type: 'shop.order.placed',
  headers: '{"ce_hops":"1","tenant":"grün"}',
  payload: '{"a":1}',
  created_ms: 1_700_000_000_123,
};
const rows: readonly OutboxRow[] = [
  row,
  { ...row, id: '8', payload: 'é'.repeat(200_000) },
  { ...row, id: '10', key: 'a longer key '.repeat(20), headers: '{}', payload: '' },
  {
    ...row,
    id: '1000000',
    headers: JSON.stringify({ x: 'y'.repeat(5_000), [WIRE.contentType]: 'text/plain' }),
  },
  { ...row, id: '1000001', headers: 'nonsense' },
];

async function published(
  signing: typeof key | undefined,
  partition: number,
): Promise<readonly IncomingRecord[]> {
  const encoder = new Encoder(
    { id: '0198c0de-aaaa-7000-8000-000000000001', name: 'shop', epoch: 1 },
    signing,
  );
  const batch = new RecordBatchBuilder();
  const prev = new PositionText();
  prev.setTo(START);
  const over = new OutboxRows();
  over.load(blockOf(rows));
  encoder.begin(1, { number: 17n, nonce: '00000000000000ab' });
  while (over.next()) {
    const before = batch.size;
    const room = encoder.room(over);
    encoder.write(over, batch, prev, { topic: 't', partition });
    expect(batch.size - before).toBeLessThanOrEqual(room);
  }
  const broker = memoryBroker();
  const admin = await broker.admin();
  await admin.createTopic({ name: 't', partitions: 2, config: { 'max.message.bytes': '4000000' } });
  const producer = await broker.producer();
  await producer.send([{ topic: 't', partition, records: batch.seal() }]);
  const read: IncomingRecord[] = [];
  for await (const record of admin.read('t', partition, 0n, 1_000n)) read.push(record);
  await broker.close();
  return read;
}

test('every record of a relay with a key is signed for its partition, whatever is in its row', async () => {
  const records = await published(key, 1);
  expect(records.map((record) => verifySignature(record, [key]))).toEqual(rows.map(() => 'valid'));
  for (const record of records)
    expect(verifySignature({ ...plain(record), partition: 0 }, [key])).toBe('invalid');
});

test('a record of a relay with a key is the one of a relay without, and its signature', async () => {
  const [signed, unsigned] = [await published(key, 0), await published(undefined, 0)];
  for (const [at, record] of signed.entries()) {
    expect(record.headers.at(-1)?.[0]).toBe(WIRE.signature);
    const other = unsigned[at]!;
    expect(plain({ ...plain(record), headers: record.headers.slice(0, -1) })).toEqual(plain(other));
    expect(verifySignature(other, [key])).toBe('missing');
  }
});

function plain({
  topic,
  partition,
  key: of,
  value,
  headers,
}: Omit<IncomingRecord, 'offset' | 'timestampMs'>) {
  return { topic, partition, key: of, value, headers };
}
