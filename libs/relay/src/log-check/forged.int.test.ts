import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, test } from 'vitest';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { refusedWith, ticksIn, timing } from '../fixture/restored.ts';
import { actsIn, closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import type { RelayOptions } from '../options.ts';
import { rebaseSource } from '../rebase/rebase.ts';
import { disownRecord, readSuspect } from './disown.ts';

/**
 * Records in the source's name that another writer put into its topic.
 * Code that was removed once, and a test here failed:
 * - `forgeryOf` in the tail (a relay is refused for a tick that no database could have, and a marker with one);
 * - `forgeryOf` in the rebase's scan (the new epoch is out of range);
 * - offsets that were disowned in the tail (the relay stays refused);
 * - `unsignedOf` in the tail (the relay is refused for an unsigned record of a source that signs).
 */

closeAfterEach();

async function published(options: Pick<RelayOptions, 'signingKey'> = {}) {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  const service = await started({ database, broker, ...timing, ...options });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  await service.stop();
  const { rows } = await database.executor.query<{ id: string }>('select id::text from converge.source');
  return { database, broker, topic, sourceId: rows[0]?.id ?? '' };
}

/** Forges a record from values that any producer of the topic can read. */
async function forge(
  broker: Broker,
  topic: string,
  { sourceId, position, type = 'no.such' }: { sourceId: string; position: string; type?: string },
): Promise<bigint> {
  const producer = await broker.producer();
  const [result] = await producer.send([
    {
      topic,
      partition: 0,
      records: [
        {
          key: 'k',
          value: '{}',
          timestampMs: 0,
          headers: [
            ['ce_id', 'forged'],
            ['ce_type', type],
            ['ce_sourceid', sourceId],
            ['ce_pos', position],
          ],
        },
      ],
    },
  ]);
  await producer.close();
  if (result?.ok !== true) throw new Error('the forged record was not written');
  return result.baseOffset;
}

async function ownEvents(broker: Broker, topic: string) {
  return (await readLog(broker, topic)).filter(({ id }) => id !== 'forged');
}

describe('a record in the name of a source', () => {
  test.each([
    ['with a tick out of reach', '1.9000000.1.0123456789abcdef', 'no.such'],
    ['with the highest tick', '1.9223372036854775807.1.0123456789abcdef', 'no.such'],
    ['that is a marker with a tick', '1.9223372036854775807.1', 'converge.epoch'],
    ['with an epoch out of reach', '2147483647.1.1.0123456789abcdef', 'no.such'],
  ])('N8: a record %s is skipped at a takeover, with an alarm', async (_, position, type) => {
    const { database, broker, topic, sourceId } = await published();
    const offset = await forge(broker, topic, { sourceId, position, type });
    const next = await started({ database, broker, ...timing });
    await writeMany(database, topic, 300);
    await untilDrained(database);
    expect(await checkLog(database.executor, topic, await ownEvents(broker, topic))).toMatchObject({
      ...faultless,
      events: 600,
      duplicates: 0,
    });
    await waitUntil(() => next.status().alarms.some(({ name }) => name === 'record_forged'), {
      what: 'the alarm',
    });
    expect(next.status().alarms.find(({ name }) => name === 'record_forged')?.text).toContain(
      `${topic}/0 at offset ${offset}, position ${position}`,
    );
  });

  test('G1j, G5m: a record that could be a lost past is refused, and skipped once an operator disowned it: nothing is lost or sent again', async () => {
    const { database, broker, topic, sourceId } = await published();
    const position = '1.1000.1.0123456789abcdef';
    const offset = await forge(broker, topic, { sourceId, position });
    const next = await started({ database, broker, ...timing });
    const trouble = await refusedWith(next, 'database_went_back');
    expect(trouble).toContain(`\`converge source disown ${topic} 0 ${offset} --reason TEXT\``);
    await writeMany(database, topic, 300);
    const admin = await broker.admin();
    const place = { topic, partition: 0, offset };
    expect((await readSuspect(database.executor, admin, place)).why).toContain('no tick 1000');
    await expect(readSuspect(database.executor, admin, { ...place, offset: 0n })).rejects.toMatchObject({
      code: 'DISOWN_REFUSED',
    });
    // Planted fault: without the insert into the audit of operators, nothing there says who disowned the record.
    const by = { reason: 'their audit shows it', by: 'ada' };
    await disownRecord(database.executor, place, by);
    await disownRecord(database.executor, place, by);
    await expect(disownRecord(database.executor, { ...place, topic: 'no.such' }, by)).rejects.toMatchObject({
      code: 'DISOWN_REFUSED',
    });
    const act = { act: 'source disown', subject: topic, by: 'ada', reason: by.reason };
    expect(await actsIn(database)).toEqual([
      { ...act, before: { partition: 0, offset: Number(offset) }, after: {} },
    ]);
    await untilDrained(database);
    expect(await checkLog(database.executor, topic, await ownEvents(broker, topic))).toMatchObject({
      ...faultless,
      events: 600,
      duplicates: 0,
    });
  });

  test('a record out of reach does not move the fork, the epoch or the predecessors of a rebase', async () => {
    const { database, broker, topic, sourceId } = await published();
    await forge(broker, topic, { sourceId, position: '2147483647.1.1.0123456789abcdef' });
    await forge(broker, topic, { sourceId, position: '1.9223372036854775807.1.0123456789abcdef' });
    const report = await rebaseSource({ by: 'ada', database, broker, reason: 'drill' });
    expect(report).toMatchObject({ epoch: 2, phantoms: [] });
    expect(report.partitions[0]?.prev).toBe((await ownEvents(broker, topic)).at(-2)?.position);
  });
});

describe('an unsigned record in the name of a source that signs', () => {
  const signing = (letter: string) => ({ signingKey: letter.repeat(40) });
  const forgedIn = (service: Awaited<ReturnType<typeof started>>) =>
    service.status().alarms.filter(({ name }) => name === 'record_forged');
  const cursorOf = async ({ executor }: Awaited<ReturnType<typeof published>>['database']) =>
    (
      await executor.query<{ signed_by: string | null; signed_from: string | null }>(
        'select signed_by, signed_from::text from converge.relay_cursor',
      )
    ).rows[0];

  test('G4c: an unsigned record of a source that signs is skipped at a takeover, with an alarm that names it', async () => {
    const { database, broker, topic, sourceId } = await published(signing('a'));
    expect(await cursorOf(database)).toMatchObject({ signed_from: '0' });
    const latest = await ticksIn(database);
    const offset = await forge(broker, topic, { sourceId, position: `1.${latest + 5}.9.0123456789abcdef` });
    const next = await started({ database, broker, ...timing, ...signing('a') });
    await writeMany(database, topic, 300);
    await untilDrained(database);
    await waitUntil(() => next.status().alarms.some(({ name }) => name === 'record_forged'), {
      what: 'the alarm',
    });
    expect(next.status().alarms.find(({ name }) => name === 'record_forged')?.text).toContain(
      `${topic}/0 at offset ${offset}`,
    );
    expect(await ownEvents(broker, topic)).toHaveLength(600);
  });

  test('an unsigned record counts while no leader signed, and while a key is replaced', async () => {
    const { database, broker, topic } = await published();
    for (const [letter, from] of [
      ['a', '300'],
      ['a', '300'],
      ['b', '900'],
    ] as const) {
      const service = await started({ database, broker, ...timing, ...signing(letter) });
      await writeMany(database, topic, 300);
      await untilDrained(database);
      expect(forgedIn(service)).toEqual([]);
      expect(await cursorOf(database)).toMatchObject({ signed_from: from });
      await service.stop();
    }
    const unsigned = await started({ database, broker, ...timing });
    await writeMany(database, topic, 300);
    await untilDrained(database);
    expect(await cursorOf(database)).toEqual({ signed_by: null, signed_from: null });
    expect(forgedIn(unsigned)).toEqual([]);
  });
});
