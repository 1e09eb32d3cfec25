import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { faultProxy } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { dump, restore } from '../fixture/dump.ts';
import { idsIn, kafka, readAll, refusedWith, ticksIn, timing } from '../fixture/restored.ts';
import { actsIn, closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { rebaseSource } from './rebase.ts';
import { readPhantoms, readSourceState } from './source-sql.ts';

/**
 * Code that was removed once, and a test here failed:
 * - the comparison before the first tick (`admit` in lead.ts): the restored database publishes over its own past;
 * - a cursor of an older epoch passes only what this timeline has (`passed`): events were left out;
 * - what is read after the markers is read up to them: no phantom was named.
 */

closeAfterEach();

/** Publishes three times 300 events: `before` the dump, `lost` after it, and leaves the relay stopped. */
async function publishedBeyondADump(broker: Broker) {
  const { database } = await withDatabase();
  const topic = await createTopic(broker, topicName(), 3);
  const service = await started({ database, broker, ...timing });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  const saved = await dump(database);
  const before = await idsIn(database, topic);
  await writeMany(database, topic, 300);
  await untilDrained(database);
  await service.stop();
  const lost = (await idsIn(database, topic)).filter((id) => !before.includes(id));
  return { database, topic, saved, before, lost };
}

describe('a database that was restored from a dump', () => {
  test('G1j, G5m: a database restored from a dump is refused before any tick, and continues after a rebase with every phantom named', async () => {
    const broker = kafka();
    const { topic, saved, before, lost } = await publishedBeyondADump(broker);
    const restored = await restore(inject('stack').databaseUrl, saved);
    onClose(() => restored.database.close());
    const known = await ticksIn(restored.database);

    const target = inject('stack').brokers.split(',')[0] ?? '';
    const proxy = await faultProxy({ target });
    onClose(() => proxy.close());
    proxy.cut();
    const behind = closing(
      kafkaBroker({
        brokers: [proxy.address],
        clientId: 'r',
        requestTimeoutMs: 1_000,
        reachAt: () => proxy.address,
      }),
    );
    await writeMany(restored.database, topic, 300);
    const service = await started({ database: restored.database, broker: behind, ...timing });
    await refusedWith(service, 'LOG_NOT_COMPARED');
    expect(await ticksIn(restored.database)).toBe(known);
    proxy.restore();
    const trouble = await refusedWith(service, 'database_went_back');
    expect(trouble).toMatch(
      new RegExp(
        `^database_went_back: ${topic}/\\d at offset \\d+, position 1\\.\\d+\\.\\d+\\.[0-9a-f]{16}: the database has no tick`,
      ),
    );
    expect(trouble).toContain('converge source rebase');
    expect(await ticksIn(restored.database)).toBe(known);

    const dry = await rebaseSource({
      by: 'ada',
      database: restored.database,
      broker,
      reason: 'drill',
      dryRun: true,
    });
    expect(await readPhantoms(restored.database.executor)).toEqual([]);
    const report = await rebaseSource({
      by: 'ada',
      database: restored.database,
      broker,
      reason: 'drill',
    });
    expect(dry.phantoms).toEqual(report.phantoms);
    expect(report).toMatchObject({ epoch: 2, newTransactionIds: false });
    expect(report.phantoms.map(({ eventId }) => eventId).toSorted()).toEqual(lost.toSorted());
    expect(new Set(report.phantoms.map(({ kind }) => kind))).toEqual(new Set(['phantom']));
    expect(await readPhantoms(restored.database.executor)).toHaveLength(300);
    expect((await readSourceState(restored.database.executor)).epochs).toMatchObject([
      { epoch: 1, forkedTick: 0n, reason: 'first' },
      { epoch: 2, forkedTick: report.forkedTick, reason: 'drill' },
    ]);
    // Planted fault: without `recordAct` in the rebase, nothing says who began the epoch.
    const { rows } = await restored.database.executor.query<{ name: string }>(
      'select name from converge.source',
    );
    const act = { act: 'source rebase', subject: rows[0]?.name, by: 'ada', reason: 'drill' };
    expect(await actsIn(restored.database)).toEqual([
      { ...act, before: {}, after: { epoch: 2, forkedTick: `${report.forkedTick}`, phantoms: 300 } },
    ]);

    await untilDrained(restored.database);
    const log = await readAll(broker, topic);
    const events = log.filter(({ type }) => type !== 'converge.epoch');
    const old = events.filter(({ epoch }) => epoch === 1);
    const fresh = events.filter(({ epoch }) => epoch === 2);
    expect(old.map(({ id }) => id).toSorted()).toEqual([...before, ...lost].toSorted());
    const expected = (await idsIn(restored.database, topic)).filter((id) => !before.includes(id));
    expect(fresh.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
    for (const partition of [0, 1, 2]) {
      const here = log.filter((one) => one.partition === partition);
      const at = here.findIndex(({ type }) => type === 'converge.epoch');
      expect(here[at]?.position).toBe('2.0.0');
      expect(here[at]?.prev).toBe(here[at - 1]?.position);
      expect(here[at + 1]?.prev).toBe(here[at - 1]?.position);
    }
  });
});
