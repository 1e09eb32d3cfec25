import { describe, expect, it } from 'vitest';
import type { StartAt } from '../broker.ts';
import { begin, type BrokerUnderTest, record, records, settled, until, values } from './kit.ts';

export function consumingContract(setup: () => BrokerUnderTest): void {
  describe('consuming', () => {
    it('a consumer delivers a partition in order, one batch at a time, with the high watermark of the fetch', async () => {
      const { kit, topic } = await begin(setup);
      const member = await kit.started();
      await kit.writeEach(
        topic,
        0,
        Array.from({ length: 50 }, (_, round) => records(20, `${round}-`)),
      );
      await until('all records', () => member.seen.length === 1_000);
      expect(member.seen.map(({ offset }) => offset)).toEqual(member.seen.map((_, index) => BigInt(index)));
      for (const batch of member.batches)
        expect(batch.highWatermark).toBeGreaterThan(batch.records.at(-1)!.offset);
      expect(member.batches.at(-1)?.highWatermark).toBe(1_000n);
      expect(member.broken).toEqual([]);
    });

    it.each<[string, StartAt, string[]]>([
      ['an offset', 3n, ['3', '4', 'new']],
      ['the earliest record', 'earliest', ['0', '1', '2', '3', '4', 'new']],
      ['the end', 'latest', ['new']],
      ['the committed offset, by default the earliest', 'committed', ['0', '1', '2', '3', '4', 'new']],
    ])('a consumer begins at %s', async (_, startAt, expected) => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, records(5));
      const member = await kit.started({ startAt: () => startAt });
      // The first fetch resolves `latest`: a marker would race with it.
      const other = await kit.topic();
      if (startAt === 'latest') await settled(kit, other);
      await kit.write(topic, 0, [record('new')]);
      await until('the new record', () => values(member.seen).includes('new'));
      expect(values(member.seen)).toEqual(expected);
    });

    it('a consumer continues at the committed offset after a restart', async () => {
      const { kit, topic, groupId } = await begin(setup, 2);
      await kit.write(topic, 0, records(10));
      await kit.write(topic, 1, records(4));
      const first = await kit.started({ batch: (_, control) => control.commit(7n) });
      await until('both partitions', () => first.seen.length === 14);
      await first.consumer.stop();
      await first.consumer.done;
      expect(await (await kit.admin()).committed(groupId, topic)).toEqual(
        new Map([
          [0, 7n],
          [1, 7n],
        ]),
      );
      const second = await kit.started({ startAt: () => 'committed' });
      await until('the rest', () => second.seen.length >= 3);
      expect(second.seen.map(({ partition, offset }) => [partition, offset])).toEqual([
        [0, 7n],
        [0, 8n],
        [0, 9n],
      ]);
    });

    it('a consumer delivers nothing before it has start positions, and asks again when the handler failed', async () => {
      const { kit, topic } = await begin(setup, 2);
      await kit.write(topic, 0, records(3));
      let asked = 0;
      const member = kit.member({
        assigned: async () => {
          asked += 1;
          if (asked < 3) throw new Error('the database is down');
          await gate.passed;
        },
      });
      const gate = member.gate();
      await member.start();
      await until('three questions', () => asked === 3);
      expect(member.seen).toEqual([]);
      gate.open();
      await until('the records', () => member.seen.length === 3);
      expect(member.story).toEqual(['assigned 2', 'assigned 2', 'assigned 2']);
    });

    it('a consumer handles partitions concurrently: a stuck one delays no other', async () => {
      const { kit, topic } = await begin(setup, 3);
      const member = kit.member({
        batch: async ({ partition }) => {
          if (partition === 0) await gate.passed;
        },
      });
      const gate = member.gate();
      await member.start();
      await kit.write(topic, 0, records(1, 'stuck'));
      await until('the stuck batch', () => member.batches.length === 1);
      for (let round = 0; round < 5; round += 1) {
        await kit.write(topic, 1, records(1, `${round}-`));
        await kit.write(topic, 2, records(1, `${round}-`));
        await until('the others', () => member.seen.length === 1 + 2 * (round + 1));
      }
      gate.open();
      await kit.write(topic, 0, records(1, 'free'));
      await until('the stuck partition to go on', () => values(member.seen).includes('free0'));
      expect(member.broken).toEqual([]);
    });

    it('a consumer drains a backlog of records larger than the size limit of a fetch', async () => {
      const { kit, topic } = await begin(setup, 4);
      const large = 'z'.repeat(700_000);
      for (let partition = 0; partition < 4; partition += 1)
        for (let count = 0; count < 5; count += 1) await kit.write(topic, partition, [record(large)]);
      const member = await kit.started({ maxBytesPerPartition: 100_000 });
      await until('all of them', () => member.seen.length === 20);
      expect(member.broken).toEqual([]);
    });

    it('a consumer of a topic that does not exist fails to start, and does not create it', async () => {
      const { kit, topic } = await begin(setup);
      const member = kit.member({ topics: [topic, `${topic}-missing`] });
      await expect(member.start()).rejects.toMatchObject({
        code: 'TOPIC_UNKNOWN',
        topic: `${topic}-missing`,
      });
      await expect(member.consumer.done).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
      expect(await (await kit.admin()).describeTopic(`${topic}-missing`)).toBeUndefined();
    });

    it('a consumer ends with the error of a handler that rejects', async () => {
      const { kit, topic } = await begin(setup, 2);
      await kit.write(topic, 0, records(2));
      const member = await kit.started({ batch: () => Promise.reject(new Error('a bug in the owner')) });
      await expect(member.consumer.done).rejects.toThrow('a bug in the owner');
      expect(member.story).toEqual(['assigned 2', 'revoked 2']);
    });

    // A shorter log was sometimes reported as OFFSET_OUT_OF_RANGE, when the answer to the fetch preceded the look-up.
    it.each([
      ['longer', 9],
      ['shorter', 0],
    ])('a consumer ends when its topic was deleted and created again with a %s log', async (_, count) => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, records(3));
      const member = await kit.started();
      await until('the records', () => member.seen.length === 3);
      const admin = await kit.admin();
      await admin.deleteTopic(topic);
      await admin.createTopic({ name: topic, partitions: 1 });
      if (count > 0) await kit.write(topic, 0, records(count, 'other-'));
      await expect(member.consumer.done).rejects.toMatchObject({ code: 'TOPIC_RECREATED', topic });
      expect(member.seen).toHaveLength(3);
    });

    it('a consumer ends when its start position is outside the log', async () => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, records(2));
      const member = await kit.started({ startAt: () => 77n });
      await expect(member.consumer.done).rejects.toMatchObject({
        code: 'OFFSET_OUT_OF_RANGE',
        topic,
        partition: 0,
      });
    });
  });
}
