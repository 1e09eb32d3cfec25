import { describe, expect, it } from 'vitest';
import { begin, type BrokerUnderTest, collect, Kit, records, values } from './kit.ts';

export function adminContract(setup: () => BrokerUnderTest): void {
  describe('admin', () => {
    it('an admin describes a topic: partitions, replication, id, and the configuration that the kit checks', async () => {
      const { kit, topic } = await begin(setup, 5, { 'max.message.bytes': '4321', 'retention.ms': '60000' });
      const described = await (await kit.admin()).describeTopic(topic);
      expect(described).toMatchObject({ name: topic, partitions: 5 });
      expect([1, undefined]).toContain(described?.replicationFactor);
      expect(described?.topicId).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
      expect(described?.config).toMatchObject({
        'max.message.bytes': '4321',
        'retention.ms': '60000',
        'cleanup.policy': 'delete',
        'min.insync.replicas': '1',
      });
    });

    it('an admin finds no topic that does not exist, and does not create it by asking', async () => {
      const kit = new Kit(setup());
      const admin = await kit.admin();
      const missing = `${await kit.topic()}-missing`;
      expect(await admin.describeTopic(missing)).toBeUndefined();
      await expect(admin.logEnds(missing)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN', topic: missing });
      expect(await admin.describeTopic(missing)).toBeUndefined();
    });

    it('an admin creates a topic once, and a topic that is created again has another id', async () => {
      const kit = new Kit(setup());
      const admin = await kit.admin();
      const topic = await kit.topic(2);
      const before = await admin.describeTopic(topic);
      expect(await admin.createTopic({ name: topic, partitions: 9 })).toBe(false);
      expect((await admin.describeTopic(topic))?.partitions).toBe(2);
      await admin.deleteTopic(topic);
      expect(await admin.describeTopic(topic)).toBeUndefined();
      expect(await admin.createTopic({ name: topic, partitions: 2 })).toBe(true);
      expect((await admin.describeTopic(topic))?.topicId).not.toBe(before?.topicId);
    });

    it('an admin refuses a topic with an invalid name or without partitions', async () => {
      const kit = new Kit(setup());
      const admin = await kit.admin();
      await expect(admin.createTopic({ name: 'not a topic!', partitions: 1 })).rejects.toMatchObject({
        code: 'TOPIC_INVALID',
      });
      await expect(admin.createTopic({ name: kit.group(), partitions: 0 })).rejects.toMatchObject({
        kind: 'configuration',
      });
    });

    it('an admin reports both ends of every partition', async () => {
      const { kit, topic } = await begin(setup, 3);
      await kit.write(topic, 1, records(4));
      expect(await (await kit.admin()).logEnds(topic)).toEqual([
        { partition: 0, earliest: 0n, latest: 0n },
        { partition: 1, earliest: 0n, latest: 4n },
        { partition: 2, earliest: 0n, latest: 0n },
      ]);
    });

    it('an admin finds no offsets of a group that never committed', async () => {
      const { kit, topic } = await begin(setup, 2);
      expect(await (await kit.admin()).committed(kit.group(), topic)).toEqual(new Map());
    });

    it('an admin reads a range of one partition in order, up to the given end or the end of the log', async () => {
      const { kit, topic } = await begin(setup, 2);
      for (let round = 0; round < 5; round += 1) await kit.write(topic, 1, records(100, `${round}-`));
      const admin = await kit.admin();
      const range = await collect(admin.read(topic, 1, 150n, 253n));
      expect(range.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 103 }, (_, index) => BigInt(150 + index)),
      );
      expect(values(range).slice(0, 2)).toEqual(['1-50', '1-51']);
      expect(await collect(admin.read(topic, 1, 498n, 9_999n))).toHaveLength(2);
      expect(await collect(admin.read(topic, 1, 500n, 9_999n))).toEqual([]);
      expect(await collect(admin.read(topic, 1, 700n, 9_999n))).toEqual([]);
      expect(await collect(admin.read(topic, 0, 0n, 9_999n))).toEqual([]);
    });

    it('an admin works on after a caller left a read in the middle', async () => {
      const { kit, topic } = await begin(setup);
      await kit.write(topic, 0, records(50));
      const admin = await kit.admin();
      for await (const first of admin.read(topic, 0, 10n, 50n)) {
        expect(first.offset).toBe(10n);
        break;
      }
      expect(await admin.logEnds(topic)).toHaveLength(1);
    });
  });
}
