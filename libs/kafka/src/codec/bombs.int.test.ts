import { gzipSync } from 'node:zlib';
import { Kit, record } from '@convergekit/broker/contract';
import { encodeRecordBatch, type SealedRecords } from '@convergekit/broker/engine';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, it } from 'vitest';
import { headerBomb, recordBomb } from '../fixture/bombs.ts';
import { compressed } from '../fixture/compressed.ts';
import { drivers } from '../fixture/drivers.ts';

/** A batch with one record of so many bytes, a thousandth of it after gzip. */
function valueBomb(bytes: number): SealedRecords {
  const batch = encodeRecordBatch([
    { key: 'k', value: 'x'.repeat(bytes), headers: [], timestampMs: Date.now() },
  ]);
  return { length: 1, bytes: compressed(batch, 1, gzipSync) };
}

// Kafka takes each of them: it compares the size on the wire, and counts no headers. Planted fault: no limit on the headers of a record.
describe.each(drivers)('a member with the %s driver', (_, connect) => {
  it('a member reads past batches that are small in the log and large in memory, each as one undecodable record', async () => {
    const kit = new Kit({
      connect: () => connect({ brokers: inject('stack').brokers.split(','), clientId: 'bombs' }),
      sessionTimeoutMs: 6_000,
      network: () => Promise.reject(new Error('not used here')),
    });
    const topic = await kit.topic(1);
    const producer = await kit.producer();
    for (const records of [
      headerBomb(200_000),
      recordBomb(300_000),
      valueBomb(65 * 1024 * 1024),
      [record('genuine')],
    ]) {
      const [sent] = await producer.send([{ topic, partition: 0, records }]);
      expect(sent).toMatchObject({ ok: true });
    }
    const member = await kit.member({ groupId: kit.group(), topics: [topic] }).start();
    await waitUntil(() => member.seen.length === 4, { what: 'the genuine record' });
    expect(member.seen.map(({ undecodable }) => undecodable?.why)).toEqual([
      expect.stringContaining('200000 headers'),
      expect.stringContaining('300000 records'),
      expect.stringContaining('bytes'),
      undefined,
    ]);
    expect(member.seen.at(-1)?.value?.toString()).toBe('genuine');
  });
});
