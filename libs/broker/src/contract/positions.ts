import { describe, expect, it } from 'vitest';
import { begin, type BrokerUnderTest, type Kit, records, settled, until, values } from './kit.ts';

export function positionContract(setup: () => BrokerUnderTest): void {
  describe('positions', () => {
    it.each<[string, (kit: Kit, topic: string) => Promise<void>]>([
      ['at once', () => Promise.resolve()],
      ['while the next is being fetched', () => new Promise((resolve) => setImmediate(resolve))],
      ['when the next has been fetched', settled],
    ])('a consumer continues at the position of a seek in the middle of a batch, %s', async (_, wait) => {
      const { kit, topic } = await begin(setup);
      await kit.writeEach(
        topic,
        0,
        Array.from({ length: 20 }, (_round, round) => records(10, `${round}-`)),
      );
      const from: bigint[] = [];
      const member = await kit.started({
        maxBytesPerPartition: 1_000,
        batch: async (batch, control) => {
          const last = batch.records.at(-1)!.offset;
          const isToSeek = from.length === 0 ? last >= 30n : from.length === 1 && last === 199n;
          if (!isToSeek) return;
          await wait(kit, topic);
          from.push(last);
          if (from.length === 1) {
            control.seek(15n);
            control.seek(12n);
          } else control.seek('earliest');
        },
      });
      const ends = (): number => member.seen.filter(({ offset }) => offset === 199n).length;
      await until('the end for the last time', () => ends() === 2);
      const offsets = member.seen.map(({ offset }) => offset);
      const jumps = offsets.flatMap((offset, index) => {
        const before = offsets[index - 1];
        return before === undefined || offset === before + 1n ? [] : [[before, offset]];
      });
      // No record beyond the batch came in between.
      expect(jumps).toEqual([
        [from[0], 12n],
        [from[1], 0n],
      ]);
    });

    it('a consumer delivers nothing more of a paused partition, not even a batch that was fetched before', async () => {
      const { kit, topic } = await begin(setup, 2);
      await kit.writeEach(
        topic,
        0,
        Array.from({ length: 5 }, (_, round) => records(10, `${round}-`)),
      );
      const member = await kit.started({
        maxBytesPerPartition: 700,
        batch: async ({ partition, records: [first] }, control) => {
          if (partition === 1 || first?.offset !== 0n) return;
          await settled(kit, topic);
          control.pause();
        },
      });
      await kit.write(topic, 1, records(1));
      await until(
        'both partitions',
        () => new Set(member.batches.map(({ partition }) => partition)).size === 2,
      );
      await settled(kit, topic);
      await kit.write(topic, 1, records(1));
      await until(
        'the other to go on',
        () => member.seen.filter(({ partition }) => partition === 1).length === 2,
      );
      expect(member.batches.filter(({ partition }) => partition === 0)).toHaveLength(1);
      member.consumer.control(topic, 0)?.resume();
      await until('the rest', () => member.seen.length === 52);
      expect(member.broken).toEqual([]);
    });

    it('a consumer pauses and resumes one partition while others continue, in a batch and outside', async () => {
      const { kit, topic } = await begin(setup, 2);
      const member = await kit.started({
        batch: (batch, control) => {
          if (batch.partition === 0 && values(batch.records).includes('stop0')) control.pause();
          return Promise.resolve();
        },
      });
      await kit.write(topic, 0, records(1, 'stop'));
      await until('the pause', () => member.seen.length === 1);
      await kit.write(topic, 0, records(3, 'later'));
      for (let round = 0; round < 3; round += 1) {
        await kit.write(topic, 1, records(1, `${round}-`));
        await until('the other partition', () => member.seen.length === 2 + round);
      }
      expect(values(member.seen).filter((value) => value?.startsWith('later') === true)).toEqual([]);
      member.consumer.control(topic, 0)?.resume();
      await until('the paused records', () => member.seen.length === 7);
      expect(member.consumer.control(topic, 9)).toBeUndefined();
      expect(member.consumer.control(`${topic}-not-ours`, 0)).toBeUndefined();
      expect(member.broken).toEqual([]);
    });

    it('a consumer reports a position outside the log to its owner, and the other partitions continue', async () => {
      const { kit, topic } = await begin(setup, 2);
      await kit.write(topic, 0, records(2, 'cut'));
      const reported: string[] = [];
      const member = await kit.started({
        startAt: ({ partition }) => (partition === 0 ? 77n : 0n),
        placeLost: ({ partition }, { code }) => Promise.resolve(void reported.push(`${partition} ${code}`)),
      });
      await until('the question', () => reported.length > 0);
      await kit.write(topic, 1, records(1, 'whole'));
      await until('the other partition', () => member.seen.length === 1);
      await settled(kit, topic);
      expect(reported).toEqual(['0 OFFSET_OUT_OF_RANGE']);
      member.consumer.control(topic, 0)?.seek(1n);
      await until('the rest', () => member.seen.length === 2);
      expect(values(member.seen)).toEqual(['whole0', 'cut1']);
      expect(member.broken).toEqual([]);
    });

    it('a consumer reports every position of a topic that was created again, and reads nothing of it before a seek', async () => {
      const { kit, topic } = await begin(setup, 2);
      const reported = new Map<number, string>();
      const member = kit.member({
        placeLost: ({ partition }, { code }) => Promise.resolve(void reported.set(partition, code)),
      });
      await kit.write(topic, 0, records(1, 'old'));
      await member.start();
      await until('the old record', () => member.seen.length === 1);
      const admin = await kit.admin();
      await admin.deleteTopic(topic);
      await admin.createTopic({ name: topic, partitions: 2 });
      await until('both questions', () => reported.size === 2);
      // The other partition's offset is also missing in the new log, which may be noticed first.
      expect(reported.get(1)).toBe('TOPIC_RECREATED');
      await kit.write(topic, 0, records(2, 'new'));
      member.consumer.control(topic, 0)?.seek('earliest');
      await until('the new records', () => member.seen.length === 3);
      expect(values(member.seen)).toEqual(['old0', 'new0', 'new1']);
    });
  });
}
