import { BrokerError } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { hookedBroker } from '../fixture/hooked-broker.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, heldCodes, silent, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Planted faults, each seen to fail here: an acknowledgement, and a refusal, that count whatever the generation of the queue
 * that was sent.
 */

closeAfterEach();

const refusal = new BrokerError('not allowed', {
  code: 'NOT_AUTHORIZED',
  kind: 'halt_topic',
  certainty: 'not_applied',
});

test.each([
  ['an acknowledgement', undefined],
  ['a refusal', refusal],
])(
  'G1c: %s that arrives after its topic was halted and read again does not count for what was read since',
  async (_, late) => {
    const { database } = await withDatabase();
    const inner = closing(memoryBroker());
    const topic = await createTopic(inner, topicName(), 1);
    const answer = Promise.withResolvers<undefined>();
    const world = { sends: 0, partitions: 1, looks: 0 };
    const broker = hookedBroker(inner, {
      // The first send is written, and its answer comes late.
      send: async (batches, write) => {
        world.sends += 1;
        const isFirst = world.sends === 1;
        const results = await write(batches);
        if (!isFirst) return results;
        await answer.promise;
        if (late === undefined) return results;
        return results.map(({ topic: to, partition }) => ({ topic: to, partition, ok: false, error: late }));
      },
      describe: (described) => {
        world.looks += 1;
        return { ...described, partitions: world.partitions };
      },
    });
    const halts: unknown[] = [];
    const error = (fields: object, text: string): void => {
      if (text.includes('is halted')) halts.push('code' in fields && fields.code);
    };
    const log = { ...silent, error };
    const service = await started({ database, broker, log, verifyMs: 50, recheckMs: 50 });
    const queued = (): number => {
      const status = service.status();
      return status.state === 'leading' ? status.queued : 0;
    };
    await writeMany(database, topic, 300);
    await waitUntil(() => world.sends === 1, { what: 'the first send' });
    world.partitions = 2;
    await waitUntil(() => heldCodes(service)[0] === 'PARTITION_COUNT_CHANGED', { what: 'the halt' });
    expect(queued()).toBe(0);
    await writeMany(database, topic, 600);
    world.partitions = 1;
    await waitUntil(() => queued() === 900, {
      what: 'all of it to be read again, in one batch with what is new',
    });
    expect(world.sends).toBe(1);
    answer.resolve(undefined);
    await waitUntil(() => heldCodes(service).length === 0, { what: 'the topic to flow again' });
    await untilDrained(database);
    const verdict = await checkLog(database.executor, topic, await readLog(inner, topic));
    expect(verdict).toMatchObject({ ...faultless, events: 900, duplicates: 300 });
    expect(new Set(halts)).toEqual(new Set(['PARTITION_COUNT_CHANGED']));
  },
);
