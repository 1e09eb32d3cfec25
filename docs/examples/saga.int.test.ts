import { readFileSync } from 'node:fs';
import type { ConsumerDefinition, Database, Service } from 'convergekit';
import {
  consumerService,
  callsOf,
  inboxMigrations,
  relay,
  relayMigrations,
  sagaMigrations,
  sagaObserver,
  sagaWatch,
  sagaWorker,
} from 'convergekit/process';
import { checkGraph, drawSaga, freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { connect, createOutbox, migrate, outboxMigrations } from 'convergekit/postgres';
import { listInstances, verifyJournals } from '@convergekit/saga/operate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { normalise } from '../../libs/cli/src/fixture/normalise.ts';
import { readNarrative } from '../../libs/operate/src/narrative/read-narrative.ts';
import { renderNarrative } from '../../libs/operate/src/narrative/render-narrative.ts';
import { airline, bookTrip, type HotelDb, hotel, mails, payments, tripAsked } from './saga.ts';

const guide = readFileSync(new URL('../guides/sagas.md', import.meta.url), 'utf8');
const blocks = (kind: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${kind}\\n([^]*?)\\n\`\`\``, 'g'))].map(([, text = '']) => text);

const broker = memoryBroker();
const account = new Map<string, number>();
const sent: string[] = [];
const bank = {
  take: (cents: number, key: string) => Promise.resolve(void account.set(key, -cents)),
  giveBack: (takeKey: string, key: string) =>
    Promise.resolve(void account.set(key, -(account.get(takeKey) ?? NaN))),
  knows: (key: string) => Promise.resolve(account.has(key)),
};
const running: Service[] = [];
/** The hotel's, which also is the observer's, and the one of the others. */
let rooms: Database<HotelDb>;
let others: Database;

async function service<DB>(
  tables: string,
  consumers: readonly ConsumerDefinition<DB>[],
): Promise<Database<DB>> {
  const url = await freshDatabase(inject('stack').databaseUrl, 'trips');
  const database = connect<DB>({ url, applicationName: 'trips' });
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations]);
  await database.executor.query(tables);
  running.push(relay({ database, broker }), sagaWorker<DB>(callsOf(...consumers), { database }));
  running.push(consumerService(consumers, { database, broker }));
  return database;
}

beforeAll(async () => {
  const here = [hotel(2), sagaObserver<HotelDb>({ sagas: [bookTrip.declaration], from: 'first' })] as const;
  const there = [
    payments(bank),
    airline(1) as ConsumerDefinition<object>,
    mails((id) => sent.push(id)),
  ] as const;
  const admin = await broker.admin();
  const topics = [...here, ...there].flatMap(({ topics: own, failureTopic }) => [...own, failureTopic]);
  for (const name of new Set(topics)) await admin.createTopic({ name, partitions: 3 });
  checkGraph([bookTrip.declaration], [...here, ...there]);
  rooms = await service<HotelDb>('create table room (trip text primary key)', here);
  others = (await service<object>('create table seat (trip text primary key)', there)) as Database;
  running.push(sagaWatch({ database: rooms }));
  for (const one of running) await one.start();
});
afterAll(async () => {
  for (const one of running.toReversed()) await one.stop();
  await broker.close();
  await rooms.close();
  await others.close();
});

/** Asks for a trip, waits for its end, and tells it. */
async function book(tripId: string): Promise<{ readonly state: string; readonly instance: string }> {
  await createOutbox([tripAsked]).transaction(rooms.db, ({ emit }) => {
    emit(tripAsked({ tripId, cents: 9_900 }));
    return Promise.resolve();
  });
  return waitUntil(
    async () => {
      const [one] = await listInstances(rooms.executor, { key: tripId, limit: 1 });
      return one?.endedAt ? one : undefined;
    },
    { what: `the end of ${tripId}` },
  );
}

describe('the example of "sagas"', () => {
  it('the guide “sagas” shows the drawing of this example', () => {
    expect(blocks('mermaid')).toEqual([drawSaga(bookTrip.declaration)]);
  });

  it('the example of “sagas” books a trip, undoes the next one in reverse order, and refuses the third with its reason', async () => {
    expect((await book('t-1')).state).toBe('completed');
    const { state, instance } = await book('t-2');
    expect(state).toBe('compensated');
    expect(sent).toEqual(['t-1']);
    expect([...account.values()].reduce((sum, cents) => sum + cents, 0)).toBe(-9_900);
    expect(await rooms.db.selectFrom('room').selectAll().execute()).toEqual([{ trip: 't-1' }]);
    const named = [
      { name: 'hotel', database: rooms as never },
      { name: 'others', database: others },
    ];
    const narrative = async () => normalise(renderNarrative(await readNarrative(named, instance)));
    // The narrative names consumers that have not read an event; what a consumer skips counts as read a moment later.
    await waitUntil(async () => !(await narrative()).includes('has not read'), {
      what: 'all consumers to have read all',
    });
    expect(await narrative()).toBe(blocks('text').find((one) => one.startsWith('saga book-trip v1')));
    expect((await verifyJournals([rooms.executor, others.executor])).findings).toEqual([]);
  });
});
