import { describe, expect, it } from 'vitest';
import { encodeRecordBatch } from '../batch/encode-record-batch.ts';
import { BrokerError, type OutgoingRecord } from '../broker.ts';
import { begin, type BrokerUnderTest, Kit, NOW, record, records, refusal, values, written } from './kit.ts';

export function producingContract(setup: () => BrokerUnderTest): void {
  describe('producing', () => {
    it('a producer keeps the order of many sends and reports the first offset of each', async () => {
      const { kit, topic } = await begin(setup);
      const producer = await kit.producer();
      let next = 0n;
      const expected: OutgoingRecord['value'][] = [];
      for (let round = 0; round < 40; round += 1) {
        const batch = records(1 + (round % 7), `${round}-`);
        const [result] = await producer.send([{ topic, partition: 0, records: batch }]);
        expect(written(result)).toBe(next);
        next += BigInt(batch.length);
        expected.push(...batch.map(({ value }) => value));
      }
      const all = await kit.readAll(topic);
      expect(values(all)).toEqual(expected);
      expect(all.map(({ offset }) => offset)).toEqual(all.map((_, index) => BigInt(index)));
    });

    it('a producer reports batches in the order given, also of sends that were not awaited', async () => {
      const { kit, topic } = await begin(setup, 4);
      const producer = await kit.producer();
      const sends = Array.from({ length: 10 }, (_, round) =>
        producer.send([3, 1, 2].map((partition) => ({ topic, partition, records: records(2, `${round}/`) }))),
      );
      for (const [round, results] of (await Promise.all(sends)).entries()) {
        expect(results.map(({ partition }) => partition)).toEqual([3, 1, 2]);
        expect(results.map(written)).toEqual([round, round, round].map((at) => BigInt(at * 2)));
      }
    });

    it('a producer keeps the timestamp and the order of headers with empty, multibyte and number-like parts', async () => {
      const { kit, topic } = await begin(setup);
      const headers = [
        ['z', 'last'],
        ['10', 'ten'],
        ['2', ''],
        ['größe', 'naïve 日本語 🙂'],
        ['a', ' '],
      ] as const;
      await kit.write(topic, 0, [
        record('v', { headers, timestampMs: NOW + 123 }),
        record('w', { timestampMs: NOW }),
      ]);
      const all = await kit.readAll(topic);
      expect(all[0]?.headers.map(([name, value]) => [name, value?.toString()])).toEqual(headers);
      expect(all.map(({ timestampMs }) => timestampMs)).toEqual([NOW + 123, NOW]);
    });

    it('a producer distinguishes null from empty in keys and values', async () => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, [
        record(null, { key: null }),
        record('', { key: '' }),
        record('日本語 🙂', { key: 'ключ' }),
        { ...record(null), value: Uint8Array.of(0, 255, 128) },
      ]);
      const all = await kit.readAll(topic);
      expect(all.map(({ key }) => key?.toString() ?? null)).toEqual([null, '', 'ключ', 'key']);
      expect(all.map(({ value }) => value)).toEqual([
        null,
        Buffer.from(''),
        Buffer.from('日本語 🙂'),
        Buffer.from([0, 255, 128]),
      ]);
    });

    it('a producer writes values of every edge size, up to just below the limit of a batch', async () => {
      const { kit, topic } = await begin(setup);
      const sizes = [0, 1, 62, 63, 64, 8_191, 8_192, 1_048_588 - 61 - 30];
      for (const size of sizes) await kit.write(topic, 0, [record('x'.repeat(size))]);
      expect((await kit.readAll(topic)).map(({ value }) => value?.length)).toEqual(sizes);
    });

    it('a producer writes a batch of 10,000 records contiguously', async () => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, [record('before')]);
      expect(await kit.write(topic, 0, records(10_000))).toBe(1n);
      expect(values(await kit.readAll(topic)).slice(1)).toEqual(records(10_000).map(({ value }) => value));
    });

    it('a producer writes more than fits into one request: 24 partitions of 900 kB at once', async () => {
      const { kit, topic } = await begin(setup, 24);
      const producer = await kit.producer();
      const results = await producer.send(
        Array.from({ length: 24 }, (_, partition) => ({
          topic,
          partition,
          records: [record('y'.repeat(900_000))],
        })),
      );
      expect(results.map(written)).toEqual(Array.from({ length: 24 }, () => 0n));
    });

    it('a producer keeps the order of several batches of one partition in one send', async () => {
      const { kit, topic } = await begin(setup, 2);
      const producer = await kit.producer();
      const batches = ['a', 'b', 'c'].flatMap((prefix) => [
        { topic, partition: 0, records: records(3, prefix) },
        { topic, partition: 1, records: records(2, prefix) },
      ]);
      const results = await producer.send(batches);
      expect(results.map(written)).toEqual([0n, 0n, 3n, 2n, 6n, 4n]);
      expect(values(await kit.readAll(topic)).join(' ')).toBe('a0 a1 a2 b0 b1 b2 c0 c1 c2');
    });

    it('a producer appends a sealed batch as it is', async () => {
      const { kit, topic } = await begin(setup);
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

    it('a producer names topic and partition of a batch that is too large, writes the others, and lets nothing overtake it', async () => {
      const { kit, topic } = await begin(setup, 2, { 'max.message.bytes': '2000' });
      const producer = await kit.producer();
      const results = await producer.send([
        { topic, partition: 0, records: [record('small')] },
        { topic, partition: 1, records: [record('x'.repeat(3_000))] },
        { topic, partition: 1, records: [record('behind the large one')] },
        { topic, partition: 0, records: [record('small too')] },
      ]);
      expect(results.map(({ ok }) => ok)).toEqual([true, false, false, true]);
      const error = refusal(results[1]);
      expect(error).toBeInstanceOf(BrokerError);
      expect(error).toMatchObject({
        code: 'MESSAGE_TOO_LARGE',
        kind: 'halt_topic',
        certainty: 'not_applied',
        topic,
        partition: 1,
      });
      expect(error.message).toContain(`${topic}/1`);
      expect(refusal(results[2])).toMatchObject({
        code: 'EARLIER_BATCH_FAILED',
        kind: 'retry',
        certainty: 'not_applied',
      });
      expect(values(await kit.readAll(topic, 1))).toEqual([]);
      expect(values(await kit.readAll(topic, 0))).toEqual(['small', 'small too']);
    });

    it('a producer writes to every partition of a topic right after its creation', async () => {
      const kit = new Kit(setup());
      for (let round = 0; round < 5; round += 1) {
        const topic = await kit.topic(12);
        const producer = await kit.producer();
        const results = await producer.send(
          Array.from({ length: 12 }, (_, partition) => ({ topic, partition, records: records(1) })),
        );
        expect(results.map(written)).toEqual(Array.from({ length: 12 }, () => 0n));
      }
    });

    it('a producer refuses an unknown topic and an unknown partition without creating them, and writes the others', async () => {
      const { kit, topic } = await begin(setup);
      const missing = `${topic}-missing`;
      const producer = await kit.producer();
      const results = await producer.send([
        { topic: missing, partition: 0, records: records(1) },
        { topic, partition: 7, records: records(1) },
        { topic, partition: 0, records: records(1) },
      ]);
      expect(refusal(results[0])).toMatchObject({
        code: 'TOPIC_UNKNOWN',
        kind: 'halt_topic',
        certainty: 'not_applied',
        topic: missing,
        partition: 0,
      });
      expect(refusal(results[1])).toMatchObject({ certainty: 'not_applied', topic, partition: 7 });
      expect(written(results[2])).toBe(0n);
      expect(await (await kit.admin()).describeTopic(missing)).toBeUndefined();
    });

    it('a producer writes to a topic that was created again under the same name', async () => {
      const { kit, topic } = await begin(setup);
      const admin = await kit.admin();
      const producer = await kit.producer();
      await producer.send([{ topic, partition: 0, records: records(5) }]);
      await admin.deleteTopic(topic);
      await admin.createTopic({ name: topic, partitions: 1 });
      const [first] = await producer.send([{ topic, partition: 0, records: records(1) }]);
      // The old producer may fail once until it looks the topic up; a new producer never does.
      if (first?.ok !== true) expect(await kit.write(topic, 0, records(1))).toBe(0n);
      else expect(first.baseOffset).toBe(0n);
    });

    it('a closed producer reports that it is closed', async () => {
      const { kit, topic } = await begin(setup);
      const producer = await kit.producer();
      await producer.close();
      const [result] = await producer.send([{ topic, partition: 0, records: records(1) }]);
      expect(refusal(result)).toMatchObject({
        code: 'PRODUCER_CLOSED',
        kind: 'new_producer',
        certainty: 'not_applied',
      });
    });

    it('a producer sends nothing for an empty list, and refuses a batch without records', async () => {
      const { kit, topic } = await begin(setup);
      const producer = await kit.producer();
      expect(await producer.send([])).toEqual([]);
      const [result] = await producer.send([{ topic, partition: 0, records: [] }]);
      expect(refusal(result)).toMatchObject({
        code: 'BATCH_EMPTY',
        certainty: 'not_applied',
        topic,
        partition: 0,
      });
    });
  });
}
