/** Planted faults, each seen to fail here: rows without a tick are ignored; no trigger keeps the old partition count. */
import { comparePositions, parsePosition } from '@convergekit/contracts/engine';
import type { MemoryBroker } from '@convergekit/broker/testing';
import { type Database, withTransaction } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { seededRandom } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, it } from 'vitest';
import { emit, eventsSince, frontier, opened } from '../fixture/frontier.ts';
import { closeAfterEach, started } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';
import { recordAcceptance, requestAcceptance } from '../topics/accept-sql.ts';

closeAfterEach();

/** The highest position of each key in the log. */
function positionsOf(broker: MemoryBroker, topic: string, partitions: number): Map<string, string> {
  const found = new Map<string, string>();
  for (let partition = 0; partition < partitions; partition += 1)
    for (const { key, headers } of broker.records(topic, partition))
      found.set(key?.toString() ?? '', headers.find(([name]) => name === 'ce_pos')?.[1]?.toString() ?? '');
  return found;
}

/** The frontier of a key, and the number of its events that the same snapshot sees. */
async function together(database: Database, topic: string, key: string) {
  const client = await database.acquire();
  try {
    const executor = executorOfClient(client);
    await client.query('begin isolation level repeatable read');
    const answer = await frontier({ executor }, topic, [key]);
    const { rows } = await executor.query<{ n: number }>(
      'select count(*)::int as n from converge.outbox where topic = $1 and key = $2',
      [topic, key],
    );
    await client.query('commit');
    return { answer, count: rows[0]!.n };
  } finally {
    client.release();
  }
}

function countBelow(
  broker: MemoryBroker,
  topic: string,
  key: string,
  { partition, position }: { readonly partition: number; readonly position: string },
): number {
  const most = parsePosition(position);
  const isBelow = (at: string): boolean => comparePositions(parsePosition(at), most) <= 0;
  return broker.records(topic, partition).filter(({ key: of, headers }) => {
    const at = headers.find(([name]) => name === 'ce_pos')?.[1]?.toString();
    return of?.toString() === key && at !== undefined && isBelow(at);
  }).length;
}

it('G7m: whenever the frontier says sent, every event that the same snapshot sees is in the log and below it', async () => {
  const { database, broker, topic } = await opened();
  await started({ database, broker, saveMs: 5 });
  const random = seededRandom(3);
  let isWriting = true;
  const writers = [1, 2, 3].map(async (writer) => {
    for (let n = 0; isWriting; n += 1)
      await withTransaction(database, {}, async (tx) => {
        await emit({ executor: tx }, topic, `k${Math.floor(random() * 40)}`);
        if (n % 7 === writer) await emit({ executor: tx }, topic, `k${Math.floor(random() * 40)}`);
      });
  });
  const wanted = inject('full') ? 60 : 20;
  let isSent = 0;
  await waitUntil(
    async () => {
      const key = `k${Math.floor(random() * 40)}`;
      const { answer: first, count } = await together(database, topic, key);
      if (first.state !== 'ticked' && first.state !== 'sent') return false;
      const { up_to: places } = await waitUntil(
        async () => {
          const later = await frontier(database, topic, [key], first.tick);
          return later.state === 'sent' ? later : undefined;
        },
        { what: 'the tick to be sent', everyMs: 1 },
      );
      const [place] = places!;
      // Later events may be below the answer, too. Without a place the topic was never sent to.
      expect(place === undefined ? 0 : countBelow(broker, topic, key, place)).toBeGreaterThanOrEqual(count);
      isSent += 1;
      return isSent === wanted;
    },
    { what: `${wanted} answers that say sent`, everyMs: 1 },
  ).finally(() => {
    isWriting = false;
    return Promise.all(writers);
  });
});

describe('the frontier of a key', () => {
  it('the frontier follows an event from the outbox to the log', async () => {
    const { database, broker, topic } = await opened();
    expect(await frontier(database, topic, ['a'])).toMatchObject({
      state: 'unknown',
      detail: 'no relay has ever led in this database',
    });
    const first = await started({ database, broker });
    await waitUntil(() => first.status().state === 'leading', { what: 'a leader' });
    // A later look may find the next tick, which is not done yet.
    const sent = () =>
      waitUntil(
        async () => {
          const answer = await frontier(database, topic, ['a']);
          return answer.state === 'sent' ? answer : undefined;
        },
        { what: 'a tick to be done' },
      );
    expect(await sent()).toMatchObject({ partition: null, up_to: [] });
    await emit(database, topic, 'a');
    await untilDrained(database);
    const drained = await sent();
    expect(drained.up_to).toEqual([
      {
        partition: drained.partition,
        position: positionsOf(broker, topic, 2).get('a')?.split('.', 3).join('.'),
      },
    ]);
    expect(await eventsSince(database, topic, ['a'], drained)).toBe('none');
    await first.stop();

    await emit(database, topic, 'a');
    expect(await frontier(database, topic, ['a'])).toMatchObject({ state: 'not_ticked' });
    // Events of other keys and topics are no concern of this one.
    expect(await frontier(database, topic, ['b'])).toMatchObject({ state: 'sent' });
    expect(await frontier(database, 'another', ['a'])).toMatchObject({ state: 'sent', up_to: [] });
    expect(await eventsSince(database, topic, ['a'], drained)).toBe('some');
    expect(await eventsSince(database, topic, ['b'], drained)).toBe('none');

    const second = await started({ database, broker });
    await waitUntil(() => second.status().state === 'leading', { what: 'the second leader' });
    await untilDrained(database);
    broker.takeDown();
    await emit(database, topic, 'a');
    const ticked = await waitUntil(
      async () => {
        const answer = await frontier(database, topic, ['a']);
        return answer.state === 'ticked' ? answer : undefined;
      },
      { what: 'a tick' },
    );
    expect(await frontier(database, topic, ['a'], ticked.tick)).toMatchObject({ state: 'ticked' });
    broker.restore();
    await untilDrained(database);
    expect(await frontier(database, topic, ['a'], ticked.tick)).toMatchObject({
      state: 'sent',
      tick: ticked.tick,
      up_to: [{ position: positionsOf(broker, topic, 2).get('a')?.split('.', 3).join('.') }],
    });
  });

  it('a partition to which nothing was sent has its start as frontier', async () => {
    const { database, broker, topic } = await opened();
    const { rows } = await database.executor.query<{ key: string; at: number }>(
      `select 'k' || n as key, converge.kafka_partition('k' || n, 2) as at from generate_series(1, 20) n`,
    );
    const [one, other] = [0, 1].map((at) => rows.find((row) => row.at === at)!.key);
    await started({ database, broker });
    await emit(database, topic, one!);
    await untilDrained(database);
    expect(await frontier(database, topic, [other!])).toMatchObject({
      up_to: [{ partition: 1, position: '1.0.0' }],
    });
  });

  it('a topic that the relay holds is halted with the reason, until it is sent', async () => {
    const { database, broker } = await opened();
    const missing = topicName();
    await started({ database, broker, recheckMs: 20 });
    await emit(database, missing, 'a');
    const halted = await waitUntil(
      async () => {
        const answer = await frontier(database, missing, ['a']);
        return answer.state === 'halted' ? answer : undefined;
      },
      { what: 'the hold' },
    );
    expect(halted.detail).toMatch(/^[A-Z_]+: /);
    await createTopic(broker, missing, 1);
    await waitUntil(async () => (await frontier(database, missing, ['a'])).state === 'sent', {
      what: 'the topic to catch up',
    });
    expect(broker.records(missing, 0)).toHaveLength(1);
  });

  it('a key whose partition changed with an accepted count has a frontier in both partitions', async () => {
    const { database, broker, topic } = await opened();
    const { rows } = await database.executor.query<{ key: string }>(
      `select key from (select 'k' || n as key from generate_series(1, 90) n) k
        where converge.kafka_partition(key, 2) = 0 and converge.kafka_partition(key, 3) = 2 limit 1`,
    );
    const { key } = rows[0]!;
    const service = await started({ database, broker });
    await emit(database, topic, key);
    await untilDrained(database);
    const before = await frontier(database, topic, [key]);
    await service.stop();
    const { executor } = database;
    await executor.query(
      `update converge.relay_topic set held_at = 1000, held_reason = 'PARTITION_COUNT_CHANGED: 3'`,
    );
    expect(await requestAcceptance(executor, topic, 3)).toBe(true);
    await executor.query('update converge.relay_topic set drain_to = 999');
    expect(await recordAcceptance(executor, topic, 3, { by: 'ada', reason: 'more room' })).toBe(true);
    const { up_to: places } = await frontier(database, topic, [key]);
    expect(places).toHaveLength(2);
    expect(places).toEqual(expect.arrayContaining([before.up_to![0], { partition: 2, position: '1.0.0' }]));
    await executor.query('delete from converge.relay_cursor; delete from converge.relay_topic');
    expect((await frontier(database, topic, [key])).up_to).toEqual([]);
  });
});
