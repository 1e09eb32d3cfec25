import { crc32c } from '@node-rs/crc32';
import { RecordBatchBuilder } from '@convergekit/broker/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

const FUTURE_CODEC = 6;

// Planted fault: read as any other record it is "not a CloudEvent", and nothing says which offsets went by.
it('G4e, N8: an undecodable batch is one dead letter with its offsets, hash and bytes, and the consumer continues', async () => {
  const { scene, name, topic, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  const { counted } = events;
  const publish = (n: number) => scene.source.publish(scene.broker, [counted({ key: 'k', n })]);
  await publish(1);
  const builder = new RecordBatchBuilder();
  builder.begin(Date.now(), 16);
  for (let field = 0; field < 2; field += 1) builder.nothing();
  builder.varint(0);
  builder.end();
  const { bytes } = builder.seal();
  bytes.writeInt16BE(FUTURE_CODEC, 21);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  const sent = Buffer.from(bytes);
  const producer = await scene.broker.producer();
  await producer.send([{ topic, partition: 0, records: { length: 1, bytes } }]);
  await publish(2);

  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const service = await scene.start(consumer);
  await waitUntil(async () => (await lines(scene.database)).length === 2, { what: 'the event behind it' });
  const [letter, ...others] = await scene.letters();
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ category: 'data', code: 'BATCH_UNDECODABLE', payload: sent });
  const reported = (await scene.outbox()).find((row) => row.topic === `${name}.failures`);
  expect(reported?.payload).toMatch(
    /the batch at offsets 1 to 1 \(sha256 [0-9a-f]{64}\) cannot be decoded: codec 6/,
  );
  expect(service.status()[0]?.partitions.find((one) => one.topic === topic)?.state).toBe('running');
});
