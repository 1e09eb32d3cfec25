import { describe, expect, it } from 'vitest';
import { begin, type BrokerUnderTest, records, settled, until, written } from './kit.ts';
import { commitAll, type Member } from './member.ts';

const held = (...members: readonly Member[]): number[] => members.map(({ owned }) => owned.size).sort();

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

export function groupContract(setup: () => BrokerUnderTest): void {
  describe('a group', () => {
    it('a group shares partitions as members join and leave, loses nothing, and keeps each partition in order', async () => {
      const { kit, topic, groupId } = await begin(setup, 6);
      const join = (): Promise<Member> =>
        kit.started({
          startAt: () => 'committed',
          sessionTimeoutMs: 60_000, // longer than anything waits: a member that stops has to say so
          batch: commitAll,
        });
      const enough = new AbortController();
      const writer = (async () => {
        const producer = await kit.producer();
        for (let round = 0; !enough.signal.aborted; round += 1) {
          const batch = records(2, `${round}-`);
          const batches = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic, partition, records: batch }));
          for (const result of await producer.send(batches)) written(result);
          // A load, not a flood: the memory driver would write millions meanwhile.
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const first = await join();
      await until('all to the first', () => held(first)[0] === 6);
      const second = await join();
      await until('halves', () => held(first, second).join() === '3,3');
      const admin = await kit.admin();
      const shares = async (): Promise<string> =>
        (await admin.members(groupId)).map(({ partitions }) => partitions.length).join();
      await until('the broker to see halves', async () => (await shares()) === '3,3');
      const places = (await admin.members(groupId)).flatMap(({ partitions }) => partitions);
      expect(places.map((place) => `${place.topic}/${place.partition}`).sort()).toEqual(
        [0, 1, 2, 3, 4, 5].map((partition) => `${topic}/${partition}`),
      );
      expect(await admin.members(kit.group())).toEqual([]);
      const third = await join();
      await until('thirds', () => held(first, second, third).join() === '2,2,2');
      await first.consumer.stop();
      await until('halves again', () => held(second, third).join() === '3,3');
      enough.abort();
      await writer;
      const ends = await admin.logEnds(topic);
      const all = (): string[] =>
        [first, second, third].flatMap(({ seen }) =>
          seen.map(({ partition, offset }) => `${partition}/${offset}`),
        );
      const expected = ends.reduce((sum, { latest }) => sum + Number(latest), 0);
      await until('every record', () => new Set(all()).size === expected);
      for (const member of [first, second, third]) expect(member.broken).toEqual([]);
      expect(first.owned.size).toBe(0);
    });

    it('a member aborts the signal of a batch whose partition is revoked before it reports so, and starts no other', async () => {
      const { kit, topic } = await begin(setup, 2);
      const story: string[] = [];
      const first = kit.member({
        batch: async ({ partition }, { signal }) => {
          await aborted(signal);
          story.push(
            `aborted ${partition}, revoked calls so far: ${first.story.filter((line) => line.startsWith('revoked')).length}`,
          );
        },
      });
      await first.start();
      await kit.write(topic, 0, records(5));
      await kit.write(topic, 1, records(5));
      await until('both batches', () => first.batches.length === 2);
      const second = await kit.started();
      await until('halves', () => held(first, second).join() === '1,1');
      expect(story.slice(0, 2).sort()).toEqual([
        'aborted 0, revoked calls so far: 1',
        'aborted 1, revoked calls so far: 1',
      ]);
      expect(first.broken).toEqual([]);
    });

    it('a member that is busy with its revocation does not join again before it has ended, and learns the reason', async () => {
      const { kit } = await begin(setup, 2);
      const story: string[] = [];
      const first = await kit.started({
        sessionTimeoutMs: 60_000, // a rebalance waits for half of it, 5 s at most
        assigned: () => Promise.resolve(void story.push('assigned')),
        revoked: async (why) => {
          story.push(why);
          await new Promise((resolve) => setTimeout(resolve, 300));
          story.push('saved');
        },
      });
      await until('all', () => first.owned.size === 2);
      const second = await kit.started();
      await until('halves', () => held(first, second).join() === '1,1');
      await first.consumer.stop();
      expect(story).toEqual(['assigned', 'rebalance', 'saved', 'assigned', 'stop', 'saved']);
    });

    it('a group keeps a member whose batch takes longer than the session timeout', async () => {
      const { kit, topic, groupId } = await begin(setup, 1);
      let aborted = false;
      const member = await kit.started({
        batch: async (batch, control) => {
          control.signal.addEventListener('abort', () => {
            aborted = true;
          });
          await new Promise((resolve) => setTimeout(resolve, kit.under.sessionTimeoutMs * 1.5));
          await control.commit(batch.records.at(-1)!.offset + 1n);
        },
      });
      await kit.write(topic, 0, records(3));
      await until(
        'the commit',
        async () => (await (await kit.admin()).committed(groupId, topic)).get(0) === 3n,
      );
      expect(aborted).toBe(false);
      expect(member.story).toEqual(['assigned 1']);
    });

    it('a stop waits for the batch in progress, whose signal is aborted and whose commit still counts', async () => {
      const { kit, topic, groupId } = await begin(setup, 1);
      let ended = false;
      const member = kit.member({
        batch: async (batch, control) => {
          if (!control.signal.aborted) await aborted(control.signal);
          await gate.passed;
          await control.commit(batch.records.at(-1)!.offset + 1n);
          ended = true;
        },
      });
      const gate = member.gate();
      await member.start();
      await kit.write(topic, 0, records(3));
      await until('the batch', () => member.batches.length === 1);
      let stopped = false;
      const stopping = Promise.all([member.consumer.stop(), member.consumer.stop()]).then(
        () => (stopped = true),
      );
      await until('revoked', () => member.story.includes('revoked 1'));
      // The member stays in the group for the whole time, or its commit would be refused.
      await new Promise((resolve) => setTimeout(resolve, kit.under.sessionTimeoutMs * 1.5));
      expect(stopped).toBe(false);
      gate.open();
      await stopping;
      expect(ended).toBe(true);
      await member.consumer.done;
      expect(await (await kit.admin()).committed(groupId, topic)).toEqual(new Map([[0, 3n]]));
      const next = await kit.started({ startAt: () => 'committed' });
      await until('the next member', () => next.owned.size === 1);
    });

    it('a member never runs two batches of a partition, even when a handler outlives its membership or a stop', async () => {
      const { kit, topic } = await begin(setup, 1);
      let ended = 0;
      const member = kit.member({
        batch: async () => {
          await gate.passed;
          ended += 1;
        },
      });
      const gate = member.gate();
      await member.start();
      await kit.write(topic, 0, records(1));
      await until('the batch', () => member.batches.length === 1);
      const guest = await kit.started({ batch: () => Promise.resolve() });
      await guest.consumer.stop();
      await until(
        'the partition to come back',
        () =>
          member.story.filter((line) => line.startsWith('assigned')).length > 1 && member.owned.size === 1,
      );
      await kit.write(topic, 0, records(1));
      await settled(kit, topic);
      const stopping = member.consumer.stop().then(() => ended);
      await until('revoked', () => member.owned.size === 0);
      gate.open();
      expect(await stopping).toBe(1);
      expect(member.batches).toHaveLength(1);
      expect(member.broken).toEqual([]);
    });

    it('a group refuses a commit of a membership that has ended', async () => {
      const { kit, topic, groupId } = await begin(setup, 1);
      const first = await kit.started();
      await until('the partition', () => first.owned.size === 1);
      const control = first.consumer.control(topic, 0)!;
      const second = await kit.started();
      await until(
        'the rebalance',
        () => first.story.includes('revoked 1') && held(first, second).join() === '0,1',
      );
      expect(control.signal.aborted).toBe(true);
      await expect(control.commit(1n)).rejects.toMatchObject({ code: 'NOT_A_MEMBER', kind: 'retry' });
      expect(await (await kit.admin()).committed(groupId, topic)).toEqual(new Map());
    });

    it('a consumer may be stopped at any time, and is done only then', async () => {
      const { kit } = await begin(setup, 1);
      const never = kit.member();
      await never.consumer.stop();
      await never.consumer.done;
      const early = kit.member();
      const starting = early.start().catch(() => undefined);
      await early.consumer.stop();
      await Promise.all([starting, early.consumer.done]);
      await early.consumer.stop();
      expect(early.owned.size).toBe(0);
    });
  });
}
