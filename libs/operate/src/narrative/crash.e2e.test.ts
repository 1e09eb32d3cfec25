import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { relayMigrations } from '@convergekit/relay';
import { readSagaRecords, verifyJournals } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { makeTopics } from '@convergekit/inbox/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { Pump } from '../../../saga/src/fixture/pump.ts';
import { Children } from '../../../testing/src/fixture/children.ts';
import { normalise } from '../../../cli/src/fixture/normalise.ts';
import { type TripDb, tripSaga, tripTables } from '../../../cli/src/fixture/trip-saga.ts';
import { readNarrative } from './read-narrative.ts';
import { renderNarrative } from './render-narrative.ts';

const program = fileURLToPath(new URL('../../../cli/src/fixture/trip-process.ts', import.meta.url));

// Planted fault: without the calls of the worker the narrative differs.
it('S24, G8a, S27: a process that is killed in the middle of an undo leaves a saga that still ends, and a narrative that shows both', async () => {
  const { brokers, databaseUrl } = inject('stack');
  const { url, database } = await migratedDatabase<TripDb>(
    databaseUrl,
    [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'trip', applicationName: 'trip-test' },
  );
  await database.executor.query(tripTables);
  const broker = kafkaBroker({ driver: 'kafkajs', brokers: brokers.split(','), clientId: 'trip-test' });
  const prefix = `trip${randomBytes(4).toString('hex')}`;
  const never = { charge: () => Promise.resolve(), refund: () => Promise.resolve(), hasSeats: () => false };
  const { asked, consumers } = tripSaga(prefix, never, 600_000);
  const topics = consumers.flatMap(({ topics: own, failureTopic }) => [...own, failureTopic]);
  await makeTopics(broker, [...new Set(topics)], 1);
  const pump = new Pump(database, broker);
  pump.start();
  const children = new Children();
  const start = (env: Readonly<Record<string, string>>) =>
    children.start(program, { DATABASE_URL: url, KAFKA_BROKERS: brokers, PREFIX: prefix, ...env });

  const dying = start({ DIE: 'refund' });
  const { type, version, topic, key, payload } = asked({ trip: 't-1' });
  const instance = '0199a000-0000-7000-8000-000000000001';
  await createOutbox([]).append(database.executor, [{ id: instance, type, version, topic, key, payload }]);
  expect(await once(dying, 'exit')).toEqual([null, 'SIGKILL']);
  const living = start({});
  try {
    const states = async (): Promise<string> => {
      const { fences } = await readSagaRecords(database.executor, { instance });
      return fences.map(({ step, state }) => `${step}:${state}`).join(' ');
    };
    await waitUntil(async () => (await states()) === 'pay:undone room:undone seat:rejected', {
      what: 'all to be undone',
    });
  } finally {
    living.kill('SIGTERM');
    await once(living, 'exit');
    await pump.stop();
  }
  const narrative = await readNarrative([{ name: 'trips', database: database as never }], instance);
  const text = normalise(renderNarrative(narrative)).replaceAll(prefix, 'trip');
  await expect(text).toMatchFileSnapshot(new URL('golden/crash.txt', import.meta.url).pathname);
  expect((await verifyJournals([database.executor])).findings).toEqual([]);
  await broker.close();
  await database.close();
});
