import { readFileSync } from 'node:fs';
import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { withTransaction } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import { systemClock, systemRandom } from '@convergekit/core';
import { expect, inject, test } from 'vitest';
import { dump, restore } from '../fixture/dump.ts';
import { idsIn, readAll, refusedWith, timing } from '../fixture/restored.ts';
import { closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { inspectSource } from './inspect.ts';
import { rebaseSource } from './rebase.ts';

closeAfterEach();

/** Copies a database of 600 published events, with a row of the audit, as logical replication does: without sequences. */
async function copied(broker: Broker) {
  const { database: old } = await withDatabase();
  const topic = await createTopic(broker, topicName(), 3);
  const service = await started({ database: old, broker, ...timing });
  await writeMany(old, topic, 600);
  await untilDrained(old);
  await service.stop();
  const published = await idsIn(old, topic);
  const act = { act: 'source rebase', subject: 's', by: 'ada', reason: 'a row of the audit' } as const;
  await withTransaction(old, { clock: systemClock, random: systemRandom }, (tx) => recordAct(tx, act));
  const { database } = await restore(inject('stack').databaseUrl, await dump(old));
  onClose(() => database.close());
  await database.executor.query("select setval('converge.outbox_id', 1, false)");
  return { database, topic, published };
}

/** The SQL block of the runbook that gives new ids to events written under old ones. */
function newIdsSql(): string {
  const runbook = readFileSync(new URL('../../../../docs/runbooks/upgrade.md', import.meta.url), 'utf8');
  return /update converge\.outbox o set id.*?;/s.exec(runbook)![0];
}

test('G3i: a copy without its sequences is refused by name, its own records are not called forged, and after the statements of the refusal every event is published once', async () => {
  const broker = closing(memoryBroker());
  const { database, topic, published } = await copied(broker);
  // Retention removed the oldest events before the copy: their ids are free, and are given to others.
  await database.executor.query('delete from converge.outbox where id <= 400');
  await writeMany(database, topic, 300);
  const written = (await idsIn(database, topic)).filter((id) => !published.includes(id));
  expect(written).toHaveLength(300);

  const { comparison } = await inspectSource(database.executor, broker);
  expect(comparison).toMatchObject({ result: { forged: [], refusals: [{ code: 'sequence_behind' }, {}] } });
  const service = await started({ database, broker, ...timing, surveyMs: 50, alarmAfterMs: 0 });
  expect(await refusedWith(service, 'sequence_behind')).toMatch(
    /converge\.outbox_id is at 300, .* reaches 600/,
  );
  await expect.poll(() => service.status().alarms.map(({ name }) => name)).toContain('sequence_behind');
  expect(service.status().alarms.map(({ name }) => name)).not.toContain('event_beyond_sequence');

  const request = { by: 'ada', database, broker, reason: 'a copy', waitMs: 60_000 };
  for (const dryRun of [true, false]) {
    const refused: Error = await rebaseSource({ ...request, dryRun }).then(
      () => expect.unreachable(),
      (error: unknown) => error as Error,
    );
    expect(refused.message).toMatch(/^sequence_behind: converge\.audit_id_seq is at 0, /);
    if (!dryRun) await database.executor.query(/`(select setval.*)`/.exec(refused.message)![1]!);
  }
  expect((await readAll(broker, topic)).filter(({ type }) => type === 'converge.epoch')).toEqual([]);
  await database.executor.query(newIdsSql());
  const report = await rebaseSource(request);
  expect(report).toMatchObject({ epoch: 2, phantoms: [] });
  expect(report.partitions.map(({ logLost }) => logLost)).toEqual([false, false, false]);
  await untilDrained(database);
  const log = (await readAll(broker, topic)).filter(({ type }) => type !== 'converge.epoch');
  expect(log.map(({ id }) => id).toSorted()).toEqual([...published, ...written].toSorted());
});

test('a rebase that the database refuses leaves no marker in the log, and the next one begins the same epoch', async () => {
  const broker = closing(memoryBroker());
  const { database, topic } = await copied(broker);
  await database.executor.query(`
    select setval('converge.outbox_id', 600), setval('converge.audit_id_seq', 1);
    create function refuse() returns trigger language plpgsql as $$ begin raise 'no row'; end $$;
    create trigger refuse before insert on converge.audit for each row execute function refuse()`);
  const request = { by: 'ada', database, broker, reason: 'a copy' };
  await expect(rebaseSource(request)).rejects.toThrow('no row');
  const markers = async (): Promise<number> =>
    (await readAll(broker, topic)).filter(({ type }) => type === 'converge.epoch').length;
  expect(await markers()).toBe(0);
  await database.executor.query('drop trigger refuse on converge.audit');
  expect(await rebaseSource(request)).toMatchObject({ epoch: 2, phantoms: [] });
  expect(await markers()).toBe(3);
});
