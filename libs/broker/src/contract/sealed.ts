import { describe, expect, it } from 'vitest';
import { type BrokerUnderTest, Kit, records, values, written } from './kit.ts';
import { encodeRecordBatch } from '../batch/encode-record-batch.ts';

export function sealedContract(setup: () => BrokerUnderTest): void {
  describe('sealed batches', () => {
    it('a producer appends a sealed batch as it is', async () => {
      const kit = new Kit(setup());
      const topic = await kit.topic();
      const producer = await kit.producer();
      await producer.send([{ topic, partition: 0, records: records(2, 'first-') }]);
      const batch = records(3, 'sealed-');
      const sealed = { length: batch.length, bytes: encodeRecordBatch(batch) };
      const [result] = await producer.send([{ topic, partition: 0, records: sealed }]);
      expect(written(result)).toBe(2n);
      const all = await kit.readAll(topic);
      expect(values(all).slice(2)).toEqual(batch.map(({ value }) => value));
      expect(all.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n, 4n]);
    });
  });
}
