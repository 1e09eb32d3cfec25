import { type Broker, BrokerError } from '@convergekit/broker';
import { describe, expect, inject, test } from 'vitest';
import { dump, restore } from '../fixture/dump.ts';
import { readLog } from '../fixture/log-check.ts';
import { unreadableAt, withAdmin } from '../fixture/other-admin.ts';
import { leads, publishedTwice } from '../fixture/published.ts';
import { readAll, refusedWith, timing } from '../fixture/restored.ts';
import { closeAfterEach, onClose, started } from '../fixture/running.ts';
import { untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Tests of parts of a log that cannot be read at a takeover. Code that was removed once, and a test here failed:
 * - the limit of bytes (40 MB are read at a takeover);
 * - a batch that cannot be decoded is passed over (`isUnreadable`: its topic is never sent to again).
 */

closeAfterEach();

/** Writes foreign records behind the source's own, `size` bytes each. */
async function shareWith(broker: Broker, topic: string, count: number, size: number): Promise<void> {
  const producer = await broker.producer();
  const value = Buffer.alloc(size, 'x');
  const batch = Math.min(count, 50);
  const records = Array.from({ length: batch }, () => ({ key: 'f', value, headers: [], timestampMs: 0 }));
  for (let sent = 0; sent < count; sent += batch)
    for (const result of await producer.send([
      { topic, partition: 0, records },
      { topic, partition: 1, records },
    ]))
      expect(result.ok).toBe(true);
  await producer.close();
}

describe('a topic that is shared with another producer', () => {
  test('a takeover reads a topic that is shared with a producer of large records up to a limit of bytes', async () => {
    const { database, broker, offline, service } = await publishedTwice();
    await service.stop();
    await shareWith(broker, offline, 2_000, 10_000);
    let bytes = 0;
    const counting = withAdmin(broker, (admin) => ({
      read: async function* (...range) {
        for await (const record of admin.read(...range)) {
          bytes += record.value?.length ?? 0;
          yield record;
        }
      },
    }));
    const next = await started({ database, broker: counting, ...timing });
    await leads(next);
    expect(bytes).toBeGreaterThan(1_000_000);
    // 8 MiB of each of the two partitions, and a piece that went over.
    expect(bytes).toBeLessThan(19_000_000);
    await writeMany(database, offline, 300);
    await untilDrained(database);
  });

  test('a takeover reads a topic that is shared with a producer of small records back to the records of its source', async () => {
    const { database, broker, offline, service } = await publishedTwice();
    const saved = await dump(database);
    await writeMany(database, offline, 300);
    await untilDrained(database);
    await service.stop();
    await shareWith(broker, offline, 3_000, 100);
    const restored = await restore(inject('stack').databaseUrl, saved);
    onClose(() => restored.database.close());
    await refusedWith(
      await started({ database: restored.database, broker, ...timing }),
      'database_went_back',
    );
  });
});

describe('a batch that cannot be decoded', () => {
  test.each([
    [
      'of an unknown codec',
      new BrokerError('cannot be read: codec 5', {
        code: 'RECORDS_UNREADABLE',
        kind: 'fatal',
        certainty: 'not_applied',
      }),
    ],
    ['of garbage', new Error('incorrect header check')],
  ])('%s at the end of a topic is skipped at a takeover, and logged by name', async (_, error) => {
    const { database, broker, offline, other, service } = await publishedTwice();
    await service.stop();
    const admin = await broker.admin();
    const end = (await admin.logEnds(offline))[0]?.latest ?? 0n;
    await shareWith(broker, offline, 4, 10);
    const warnings: string[] = [];
    const patchy = withAdmin(broker, (inner) => ({
      read: (topic, partition, ...range) => {
        const records = inner.read(topic, partition, ...range);
        return topic === offline && partition === 0 ? unreadableAt(records, [end, end + 2n], error) : records;
      },
    }));
    const log = {
      debug: () => undefined,
      info: () => undefined,
      warn: (_fields: object, text: string) => warnings.push(text),
      error: () => undefined,
    };
    const next = await started({ database, broker: patchy, ...timing, log });
    await leads(next);
    expect(warnings.join('\n')).toContain(
      `a batch that cannot be decoded was passed over in the comparison of ${offline}/0: ${error.message}`,
    );
    await writeMany(database, offline, 300);
    await writeMany(database, other, 300);
    await untilDrained(database);
    expect((await readLog(broker, other)).length).toBe(600);
    expect((await readAll(broker, offline)).filter(({ id }) => id !== '')).toHaveLength(600);
  });
});
