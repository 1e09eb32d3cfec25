import { describe, expect, it } from 'vitest';
import { BrokerError } from '../broker.ts';
import {
  begin,
  type BrokerUnderTest,
  collect,
  record,
  records,
  refusal,
  settled,
  until,
  values,
  written,
} from './kit.ts';
import { commitAll, type Member } from './member.ts';

export function networkContract(setup: () => BrokerUnderTest): void {
  describe('clients on a bad network', () => {
    it('a client reports within seconds that the broker is down, and a member that starts then waits until it is up', async () => {
      const { kit, topic } = await begin(setup, 1);
      const network = await kit.network();
      await network.down();
      const unreachable = {
        code: 'BROKER_UNREACHABLE',
        kind: 'retry',
        certainty: 'not_applied',
        category: 'network',
      };
      const member = kit.member({ groupId: kit.group(), topics: [topic] }, network.broker);
      const started = member.start();
      started.catch(() => undefined);
      const before = performance.now();
      await expect(network.broker.producer()).rejects.toMatchObject(unreachable);
      await expect(network.broker.admin()).rejects.toBeInstanceOf(BrokerError);
      await expect(network.broker.admin()).rejects.toMatchObject(unreachable);
      expect(performance.now() - before).toBeLessThan(15_000);
      await network.up();
      await started;
    });

    it('a write whose acknowledgement was lost is reported as unknown, and a new producer continues', async () => {
      const { kit, topic } = await begin(setup, 2);
      const network = await kit.network();
      const producer = await network.broker.producer();
      expect(written((await producer.send([{ topic, partition: 0, records: [record('first')] }]))[0])).toBe(
        0n,
      );
      network.loseNextAcknowledgement();
      const lost = await producer.send([{ topic, partition: 0, records: [record('lost answer')] }]);
      expect(refusal(lost[0])).toMatchObject({ kind: 'retry', certainty: 'unknown', topic, partition: 0 });
      await producer.close();
      const second = await network.broker.producer();
      const again = await second.send([{ topic, partition: 0, records: [record('lost answer')] }]);
      expect(written(again[0])).toBe(2n);
      expect(values(await kit.readAll(topic))).toEqual(['first', 'lost answer', 'lost answer']);
    });

    it('a send reports every batch when the broker goes away, never rejects, and a new producer works again', async () => {
      const { kit, topic } = await begin(setup, 3);
      const network = await kit.network();
      const producer = await network.broker.producer();
      const batches = [0, 1, 2].map((partition) => ({ topic, partition, records: records(2) }));
      expect((await producer.send(batches)).every(({ ok }) => ok)).toBe(true);
      await network.down();
      const failed = await producer.send(batches);
      expect(failed.map(({ ok, partition }) => [ok, partition])).toEqual([
        [false, 0],
        [false, 1],
        [false, 2],
      ]);
      for (const result of failed) expect(refusal(result)).toMatchObject({ kind: 'retry', topic });
      await producer.close();
      await network.up();
      expect((await (await network.broker.producer()).send(batches)).every(({ ok }) => ok)).toBe(true);
    });

    it('a consumer loses nothing and keeps each partition in order when connections are cut', async () => {
      const { kit, topic } = await begin(setup, 3);
      const network = await kit.network();
      const member = await kit.started({ startAt: () => 'committed', batch: commitAll }, network.broker);
      for (let round = 0; round < 6; round += 1) {
        for (let partition = 0; partition < 3; partition += 1)
          await kit.write(topic, partition, records(10, `${round}-`));
        if (round % 2 === 0) network.cut();
        await until('the round', () => distinct(member) === 30 * (round + 1));
      }
      expect(member.broken).toEqual([]);
    });

    it('a producer and a consumer recover from connections that swallow everything', async () => {
      const { kit, topic } = await begin(setup, 1);
      const network = await kit.network();
      const member = await kit.started({ batch: commitAll }, network.broker);
      const producer = await network.broker.producer();
      await producer.send([{ topic, partition: 0, records: records(3, 'before-') }]);
      await until('the first', () => distinct(member) === 3);
      network.stall();
      const [result] = await producer.send([{ topic, partition: 0, records: records(2, 'stalled-') }]);
      expect(refusal(result)).toMatchObject({ kind: 'retry', topic, partition: 0 });
      await producer.close();
      const [again] = await (
        await network.broker.producer()
      ).send([{ topic, partition: 0, records: records(2, 'again-') }]);
      expect(again?.ok).toBe(true);
      await until('the rest', () => values(member.seen).includes('again-1'));
      expect(member.broken).toEqual([]);
    });

    it('a consumer continues after the broker was unreachable for longer than the session', async () => {
      const { kit, topic } = await begin(setup, 2);
      const network = await kit.network();
      const member = await kit.started({ startAt: () => 'committed', batch: commitAll }, network.broker);
      await kit.write(topic, 0, records(5, 'before-'));
      await until('the first', () => member.seen.length === 5);
      await network.down();
      await until('the partitions to be given up', () => member.story.includes('revoked 2'));
      await kit.write(topic, 1, records(5, 'meanwhile-'));
      await network.up();
      await until('the rest', () => distinct(member) === 10);
      expect(member.broken).toEqual([]);
    });

    // Planted fault: a session that is not notified of look-ups, and no watch over its fetches, stop for ever here.
    it('G4d: a consumer continues when a leader is lost and moves while only heartbeats look leaders up', async () => {
      const { kit, topic } = await begin(setup, 2);
      const network = await kit.network();
      const member = await kit.started({}, network.broker);
      const arrives = async (value: string): Promise<void> => {
        for (const partition of [0, 1]) await kit.write(topic, partition, [record(value)]);
        await until(
          `${value} from both partitions`,
          () => values(member.seen).filter((seen) => seen === value).length === 2,
        );
        // Nothing that would wake the fetch loops later is under way.
        await settled(kit, topic);
      };
      await arrives('before');
      await network.loseLeaders();
      // The fetch in flight ends: what it brings would hide that no other follows.
      await settled(kit, topic);
      await network.moveLeaders();
      await arrives('after no leader');
      await network.moveLeaders();
      await settled(kit, topic);
      await arrives('after a move');
      expect(member.broken).toEqual([]);
    });

    it('an admin reports the ends of all other partitions while one has no leader, and names that one', async () => {
      const { kit, topic } = await begin(setup, 3);
      await kit.write(topic, 2, records(4));
      const network = await kit.network();
      const admin = await network.broker.admin();
      network.loseLeader(topic, 1);
      const leaderless = { code: 'LEADER_NOT_AVAILABLE', kind: 'retry', topic, partition: 1 };
      expect(await admin.partitionEnds(topic)).toEqual([
        { partition: 0, earliest: 0n, latest: 0n },
        expect.objectContaining(leaderless),
        { partition: 2, earliest: 0n, latest: 4n },
      ]);
      await expect(admin.logEnds(topic)).rejects.toMatchObject(leaderless);
      await expect(collect(admin.read(topic, 1, 0n, 1n))).rejects.toMatchObject(leaderless);
      expect(await collect(admin.read(topic, 2, 0n, 4n))).toHaveLength(4);
      await expect(admin.partitionEnds(`${topic}-missing`)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
    });

    it('a group assigns the partitions of a silent member to another', async () => {
      const { kit } = await begin(setup, 2);
      const network = await kit.network();
      const silent = await kit.started({}, network.broker);
      await until('both', () => silent.owned.size === 2);
      await network.down();
      const heir = await kit.started();
      await until('both to the heir', () => heir.owned.size === 2);
      await until('the silent one to know', () => silent.owned.size === 0);
      expect([...silent.broken, ...heir.broken]).toEqual([]);
    });
  });
}

function distinct(member: Member): number {
  return new Set(member.seen.map(({ partition, offset }) => `${partition}/${offset}`)).size;
}
