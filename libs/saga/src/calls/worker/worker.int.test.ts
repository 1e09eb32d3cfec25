import { memoryBroker } from '@convergekit/broker/testing';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import type { Database } from '@convergekit/postgres';
import { removeOld } from '@convergekit/postgres/engine';
import { stressService } from '@convergekit/core/service-stress';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { FixtureSource } from '@convergekit/inbox/testing';
import { Provider } from '../../fixture/calls/provider.ts';
import {
  asked,
  ended,
  eventTypes,
  hurried,
  outcomes,
  patient,
  request,
  type SceneDb,
  sceneDatabase,
  sceneCalls,
  sharedWith,
  workRows,
} from '../../fixture/calls/scene.ts';
import { claimWork } from '../work/claim-sql.ts';
import { resolveOptions, type SagaWorkerOptions } from './options.ts';
import { processWork } from './process-work.ts';
import { sagaWorker } from '../../saga-worker.ts';
import { readUnclaimedWork } from '../operate/waits-sql.ts';
import { ENDED } from './tidy-sql.ts';

const provider = new Provider();
let database: Database<SceneDb>;
let calls: ReturnType<typeof sceneCalls>;
const stops: (() => Promise<void>)[] = [];
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(3, '0')}`);

beforeEach(async () => {
  const fresh = new Provider();
  Object.assign(provider, { calls: fresh.calls, effects: fresh.effects, modes: fresh.modes });
  ({ database } = await sceneDatabase(inject('stack').databaseUrl));
  calls = sceneCalls(await provider.start(), patient);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await provider.stop();
  await database.close();
});

async function work(
  more: Partial<SagaWorkerOptions<SceneDb>> = {},
  some = Object.values(calls),
): Promise<void> {
  // A lease that ends while a slow machine makes the call is a reason for a second attempt.
  const worker = sagaWorker<SceneDb>(some, { ...hurried, leaseMs: 60_000, database, ...more });
  stops.push(() => worker.stop());
  await worker.start();
}

describe('a call that a handler requests', () => {
  it('G6a: a requested call is one intent although its event is delivered twice, and none when the slice rolls back', async () => {
    const broker = memoryBroker();
    stops.push(() => broker.close());
    const admin = await broker.admin();
    for (const name of ['calls', 'orders.failures']) await admin.createTopic({ name, partitions: 1 });
    const consumer = defineConsumer<SceneDb>('orders', { from: 'first' })
      .calls(calls.keyed)
      .on(asked, async (event, { call }) => {
        await call(calls.keyed, event.data);
        await call(calls.keyed, { key: `${event.data.key}-again` });
        if (event.data.key === 'bad') throw new TypeError('after the intent');
      });
    const source = new FixtureSource({ partitions: 1 });
    const events = ['a', 'bad', 'b'].map((key) => asked({ key }));
    await source.publish(broker, events);
    const service = consumerService([consumer], { database, broker });
    stops.push(() => service.stop());
    await service.start();
    await work();
    await waitUntil(async () => (await workRows(database)).length >= 4, { what: 'the intents' });
    await ended(database);
    expect(await outcomes(database)).toEqual(['a r-a', 'a-again r-a-again', 'b r-b', 'b-again r-b-again']);
    // The whole log is replayed, as by `consumers replay`: every handler runs again, no intent is new.
    await service.stop();
    await database.executor.query('delete from converge.inbox_watermark');
    await database.executor.query('update converge.inbox_partition set next_offset = 0');
    const again = consumerService([consumer], { database, broker });
    stops.push(() => again.stop());
    await again.start();
    const handled = (): boolean => again.status()[0]!.partitions.some(({ counts }) => counts.handled >= 2);
    await waitUntil(handled, { what: 'the replay' });
    expect((await workRows(database)).map(({ key }) => key).toSorted()).toEqual(['a', 'a', 'b', 'b']);
    expect(provider.calls).toHaveLength(4);
  });

  it('a requested call reports success and the declared rejection by events with its correlation id', async () => {
    provider.modes.set('keyed', ['normal', 'decline']);
    const [first] = await request(database, calls.keyed, ['a', 'b']);
    await work({}, [{ ...calls.keyed, concurrency: 1 }]);
    expect((await ended(database)).map(({ state }) => state)).toEqual(['done', 'failed']);
    expect(await outcomes(database)).toEqual(['a r-a', 'b NO_FUNDS']);
    expect(await eventTypes(database)).toEqual(['a test.succeeded', 'b test.failed']);
    const { rows } = await database.executor.query<{ cause: string; headers: string }>(
      `select w.cause, o.headers from converge.saga_work w join converge.outbox o on o.key = w.key where w.id = $1`,
      [first],
    );
    const { eventId } = JSON.parse(rows[0]!.cause) as { eventId: string };
    expect(JSON.parse(rows[0]!.headers)).toMatchObject({ ce_causationid: eventId, ce_hops: '1' });
  });
});

describe('a worker', () => {
  it('a worker makes other calls while one dependency hangs', async () => {
    provider.always('blind', 'hang');
    await request(database, calls.blind, names('h', 20));
    await request(database, calls.keyed, names('k', 50));
    const slow = { ...calls.blind, concurrency: 2 };
    await work({}, [slow, calls.keyed]);
    await waitUntil(async () => (await outcomes(database)).length === 50, { what: 'the other call' });
    const hanging = (await workRows(database)).filter(({ key }) => key.startsWith('h'));
    // Planted fault: with places shared by all calls the 50 wait behind the 20, for ever.
    expect(hanging.filter(({ state }) => state === 'ready')).toHaveLength(18);
  });

  it('two workers share the work, and nothing is called twice', async () => {
    await request(database, calls.keyed, names('k', 150));
    await Promise.all([work(), work()]);
    expect((await ended(database)).every(({ state, attempts }) => state === 'done' && attempts === 1)).toBe(
      true,
    );
    expect(provider.calls).toHaveLength(150);
    expect(await eventTypes(database)).toHaveLength(150);
  });

  // Planted fault: without `withinBreakers` each of the twelve is claimed, refused and put off, again and again.
  it('work behind an open breaker is not begun and counts no attempt, and continues together once calls succeed', async () => {
    provider.always('keyed', 'fail');
    const shared = sharedWith({ minimumCalls: 2, open: { baseMs: 600_000, factor: 1, capMs: 600_000 } });
    await request(database, calls.keyed, names('k', 12));
    await work({ shared }, [{ ...calls.keyed, concurrency: 1, canQuery: false }, calls.plain]);
    const isOpen = () => shared.breakers.get('test.keyed')?.state.kind === 'open';
    await waitUntil(isOpen, { what: 'the breaker to open' });
    // Two looks of the worker, which find the work of the other call.
    for (const key of ['p', 'q']) {
      await request(database, calls.plain, [key]);
      await waitUntil(() => provider.times(key) === 1, { what: `the call of ${key}` });
    }
    const keyed = (await workRows(database)).filter(({ key }) => key.startsWith('k'));
    const begun = keyed.filter(({ story }) => story !== '[]');
    expect(begun.map(({ attempts }) => attempts)).toEqual([1, 1]);
    expect(provider.calls.filter(({ path }) => path === 'keyed')).toHaveLength(2);
    provider.always('keyed', 'normal');
    shared.restore('test.keyed');
    const isDone = async () => (await outcomes(database)).filter((line) => line.startsWith('k')).length >= 10;
    await waitUntil(isDone, { what: 'the calls that waited' });
  });

  it('a worker keeps an outcome that cannot be recorded yet, and does not call again', async () => {
    let broken = true;
    const revive: typeof calls.keyed.revive = (stored) => {
      const revived = calls.keyed.revive(stored);
      return {
        ...revived,
        succeeded: async (result, context) => {
          await revived.succeeded(result, context);
          if (broken) throw new TypeError('a fault of the application');
        },
      };
    };
    await request(database, calls.keyed, ['a']);
    await work({}, [{ ...calls.keyed, revive }]);
    await ended(database, ['answered']);
    expect(await eventTypes(database)).toEqual([]);
    broken = false;
    await ended(database);
    expect([provider.calls.length, await outcomes(database)]).toEqual([1, ['a r-a']]);
  });

  it('a worker leaves an intent that no process can read to an operator, and calls without a worker are counted', async () => {
    await request(database, calls.keyed, ['a']);
    await request(database, calls.blind, ['b', 'c']);
    await database.executor.query(`update converge.saga_work set input = '{"no":1}' where key = 'a'`);
    await work({ undeclaredMs: 1 }, [calls.keyed]);
    const stuck = async () => (await workRows(database))[0]?.stuck_reason === 'input_unreadable';
    await waitUntil(stuck, { what: 'the unreadable one to be stuck' });
    const { executor } = database;
    expect(await readUnclaimedWork(executor, { afterMs: 0 })).toEqual([]);
    await executor.query(`update converge.saga_worker set seen_at = '-infinity' where call = 'test.blind'`);
    expect(await readUnclaimedWork(executor, { afterMs: 0 })).toMatchObject([
      { call: 'test.blind', calls: 2 },
    ]);
    expect(await readUnclaimedWork(executor, { afterMs: 60_000 })).toEqual([]);
  });

  it('G6a: a worker whose lease went to another one writes nothing, even when its call was answered', async () => {
    await request(database, calls.keyed, ['a']);
    const claim = async (leaseMs: number) => {
      const wanted = [{ call: 'test.keyed', places: 1, leaseMs, callMs: leaseMs, settleMs: 0 }];
      return (await claimWork(database.executor, 'w', wanted))[0]!;
    };
    const zombie = await claim(0);
    const owner = await claim(60_000);
    expect([zombie.found, owner.found]).toEqual(['ready', 'calling']);
    const options = resolveOptions<SceneDb>([calls.keyed], { ...hurried, database });
    const { signal } = new AbortController();
    const asking = { ...options, signal, endsAt: options.clock.monotonic() + 10_000 };
    // Planted fault: without the term in the condition of `writeSql` this is `done`, and then the owner's is lost.
    expect(await processWork(options, calls.keyed, zombie, asking)).toBe('lost');
    expect(await outcomes(database)).toEqual([]);
    // The woken worker also sends nothing once its own clock says that the lease is over.
    const over = { ...asking, leaseEndsAt: () => 0 };
    expect(await processWork(options, calls.keyed, zombie, over)).toBe('lost');
    expect(provider.calls).toHaveLength(1);
    expect(await processWork(options, calls.keyed, owner, asking)).toBe('done');
    expect([provider.times('a'), await outcomes(database)]).toEqual([1, ['a r-a']]);
  });

  it('retention deletes work that ended long ago, and no open work', async () => {
    await request(database, calls.keyed, ['a']);
    await work();
    await ended(database);
    for (const stop of stops.splice(0)) await stop();
    await request(database, calls.blind, ['b']);
    const removed = (keepMs: number) => removeOld(database.executor, ENDED, { keepMs });
    expect([await removed(60_000), await removed(0)]).toEqual([0, 1]);
  });

  it('a worker meets the obligations of every service', async () => {
    const make = () => sagaWorker<SceneDb>(Object.values(calls), { ...hurried, database });
    await stressService({ make, rounds: 12 });
  });
});
