import { applyOne, memoryBroker, recordHistory, replayHistory, serviceDatabase } from '@convergekit/testing';
import { readSagaRecords } from '@convergekit/saga/operate';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { bookTrip, hotel, type HotelDb, tripAsked } from './saga.ts';
import { debits, outbox, transferAsked, watching } from './saga-operation.ts';

const closers: (() => Promise<unknown>)[] = [];
const opened = async <DB>(tables: string) => {
  const database = await serviceDatabase<DB>(inject('stack').databaseUrl, tables);
  closers.push(() => database.close());
  return database;
};
const rooms = 'create table room (trip text primary key)';
let trip: ReturnType<typeof tripAsked>;
beforeEach(() => (trip = tripAsked({ tripId: 't1', cents: 900 })));
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

it('the observer and the watch of the guide “sagas” start', async () => {
  const database = await opened<unknown>('');
  const broker = memoryBroker();
  closers.push(() => broker.close());
  const admin = await broker.admin();
  const topics = [
    'trips',
    'rooms',
    'money',
    'seats',
    'mails',
    'hotel',
    'payments',
    'airline',
    'saga-observer',
  ];
  for (const topic of topics)
    for (const name of [topic, `${topic}.failures`]) await admin.createTopic({ name, partitions: 1 });
  for (const service of watching(database, broker)) {
    closers.push(() => service.stop());
    await service.start();
  }
  const { rowCount } = await database.executor.query('select from converge.inbox_partition');
  expect(rowCount).toBeGreaterThan(0);
});

it('a start of the guide “sagas” names the version that it starts', async () => {
  const database = await opened<HotelDb>(rooms);
  await outbox.transaction(database.db, ({ emit }) => Promise.resolve(emit(trip)));
  const { rows } = await database.executor.query<{ headers: string }>('select headers from converge.outbox');
  expect(rows[0]?.headers).toContain('"ce_sagastart":"book-trip/1"');
});

it('the history of a run, recorded as in the guide “sagas”, replays without a difference', async () => {
  const database = await opened<HotelDb>(rooms);
  const { eventId, emitted } = await applyOne(database, hotel(2), trip);
  const { journal } = await readSagaRecords(database.executor, { instance: eventId });
  const types = new Map([[eventId, trip.type], ...emitted.map(({ id, type }) => [id, type] as const)]);
  const typeOf = (id: string) => types.get(id);
  const history = recordHistory(journal, typeOf); // of one run, checked in as JSON
  expect(replayHistory([bookTrip.declaration], history)).toEqual([]);
});

it('a transfer that takes a marked account waits until the mark is gone', async () => {
  const database = await opened<{ account: { id: string } }>(
    `create table account (id text primary key, pending_saga text); insert into account values ('a')`,
  );
  const ask = (transfer: string) => applyOne(database, debits, transferAsked({ transfer, account: 'a' }));
  const first = await ask('t1');
  expect(first).toMatchObject({
    kind: 'applied',
    written: { account: { updated: [{ after: { pending_saga: first.eventId } }] } },
  });
  expect((await ask('t2')).kind).toBe('parked');
});
