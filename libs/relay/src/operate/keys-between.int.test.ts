import {
  comparePositions,
  formatPosition,
  parsePosition,
  type Position,
  START,
} from '@convergekit/contracts/engine';
import { partitionOf } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { readSource } from '@convergekit/outbox/engine';
import type { Database } from '@convergekit/postgres';
import { seededRandom } from '@convergekit/core';
import { expect, inject, it } from 'vitest';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';
import { keysBetween } from './missing.ts';

import fc from 'fast-check';

closeAfterEach();

it('a key has the partition that every Kafka client gives it, in SQL too', async () => {
  const { database } = await withDatabase();
  // Postgres cannot hold NUL in text.
  const key = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 40 })
    .filter((text) => !text.includes('\0'));
  const keys = fc.sample(key, { seed: 7, numRuns: 3_000 });
  const { rows } = await database.executor.query<{ partition: number }>(
    `select converge.kafka_partition(key, 1000) as partition from unnest($1::text[]) with ordinality as u (key, at) order by at`,
    [keys],
  );
  expect(rows.map(({ partition }) => partition)).toEqual(keys.map((one) => partitionOf(one, 1_000)));
});

async function emit({ executor }: Database, topic: string, from: number, count: number): Promise<void> {
  await executor.query(
    `select converge.emit($1, 'k' || n, 'cli.thing', '{}', '{}') from generate_series($2::int, $3::int) n`,
    [topic, from, from + count - 1],
  );
}

// Planted faults: without the bounds inside the first or the last window (`at_first`, `before_last`), ranges that begin or
// end there have keys too many.
it('the keys between two positions are those of the log, to the event; what is not kept is refused', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 3);
  await started({ database, broker });
  // Windows of several events, keys that nothing else has: a key stands for its event.
  for (let round = 0; round < 6; round += 1) {
    await emit(database, topic, round * 20, 20);
    await untilDrained(database);
  }
  const { id, name } = await readSource(database.executor);
  const source = { id, name };
  const admin = await broker.admin();
  const random = seededRandom(11);
  for (const partition of [0, 1, 2]) {
    const log: { position: Position; key: string }[] = [{ position: START, key: '' }];
    for await (const { headers, key } of admin.read(topic, partition, 0n, 1_000n)) {
      const position = headers.find(([header]) => header === 'ce_pos')?.[1]?.toString() ?? '';
      log.push({ position: parsePosition(position), key: key?.toString() ?? '' });
    }
    expect(log.length).toBeGreaterThan(20);
    for (let round = 0; round < (inject('full') ? 60 : 20); round += 1) {
      const [one, other] = [random(), random()].map((part) => Math.floor(part * log.length));
      const [from, to] = [Math.min(one!, other!), Math.max(one!, other!)];
      if (from === to) continue;
      const range = { source, topic, partition, after: log[from]!.position, upTo: log[to]!.position };
      expect(comparePositions(range.after, range.upTo)).toBe(-1);
      expect(await keysBetween(database.executor, range), formatPosition(range.after)).toEqual(
        log
          .slice(from + 1, to + 1)
          .map(({ key }) => key)
          .toSorted(),
      );
    }
    const whole = { source, topic, partition, after: START, upTo: log.at(-1)!.position };
    expect(await keysBetween(database.executor, whole)).toHaveLength(log.length - 1);
    for (const wrong of [
      { ...whole, source: { id: '00000000-0000-4000-8000-000000000000', name: 'another' } },
      { ...whole, partition: (partition + 1) % 3 },
      { ...whole, after: { ...START, epoch: 2 } },
    ])
      expect(await keysBetween(database.executor, wrong)).toBeUndefined();
    if (partition === 2) {
      await database.executor.query('delete from converge.tick where number = 3');
      expect(await keysBetween(database.executor, whole)).toBeUndefined();
    }
  }
});
