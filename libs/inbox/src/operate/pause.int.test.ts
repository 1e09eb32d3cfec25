import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { describe, expect, it } from 'vitest';
import { withTransaction } from '@convergekit/postgres';
import { PAUSED } from '../alarms.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { pauseConsumer } from './pause.ts';
import { retryParked } from './parked.ts';
import { listParked } from './parked-list.ts';

const operator = { by: 'ann', reason: 'a bad release' };

describe('a consumer that an operator paused', () => {
  let scene: FailureScene;
  const twin = 'twin-of-paused';
  const { name, topic, counted } = sceneForEach((opened) => (scene = opened), {
    more: [`${twin}.failures`],
  });
  const applied = async (key?: string) =>
    (await lines(scene.database)).filter((line) => key === undefined || line.key === key).map(({ n }) => n);
  const publish = (from: number, to: number) =>
    scene.source.publish(
      scene.broker,
      Array.from({ length: to - from + 1 }, (_, at) => counted({ key: `k${(from + at) % 2}`, n: from + at })),
    );
  const dead = () => listParked(scene.database.executor, { states: ['dead'] }, 10);
  const pause = () => pauseConsumer(scene.database, { consumer: name }, operator);
  const resume = () => scene.resume(name, topic, operator);

  // The twin reads the same log and drains the same keys, and is not paused: what it has done, the other could have done.
  // Planted fault: a drain that claims and takes what is paused.
  it('a paused consumer calls no handler, also for parked events, until it is resumed; then all take effect in order', async () => {
    let bad = [1];
    const twins: number[] = [];
    const service = await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        if (bad.includes(event.data.n)) throw new TypeError('a bug');
        await note(tx, event);
      }),
      { watchMs: 20 },
    );
    await scene.start(
      defineConsumer<LedgerDb>(twin, { from: 'first' }).on(counted, ({ data: { n } }) => {
        if (bad.includes(n)) throw new TypeError('a bug');
        twins.push(n);
      }),
    );
    await publish(0, 3);
    await waitUntil(async () => (await dead()).length === 2, { what: 'a dead letter of each' });
    await waitUntil(async () => (await scene.offset()) >= 4, { what: 'the end of the log' });
    expect(await pause()).toEqual([{ consumer: name, topic, partition: 0 }]);
    await waitUntil(() => service.status()[0]?.partitions[0]?.state === 'halted', { what: 'the pause' });
    expect(service.status()[0]?.partitions[0]).toMatchObject({
      code: PAUSED,
      reason: expect.stringContaining(`converge consumers resume ${name}`) as string,
    });
    bad = [];
    for (const { id } of await dead())
      await retryParked(scene.database, id, operator, { afterCompensation: true });
    await publish(4, 7);
    await waitUntil(() => new Set(twins).size === 8, { what: 'the effects of the twin' });
    expect(await applied()).toEqual([0, 2]);
    expect(await pause()).toEqual([]);
    expect(await resume()).toMatchObject({ code: PAUSED });
    await waitUntil(async () => (await applied()).length === 8, { what: 'all effects' });
    expect([await applied('k0'), await applied('k1')]).toEqual([
      [0, 2, 4, 6],
      [1, 3, 5, 7],
    ]);
    const { rows } = await scene.database.executor.query(
      `select act, before ->> 'halted' as halted, by, reason from converge.audit where act like 'consumers %' order by id`,
    );
    expect(rows).toEqual([
      { act: 'consumers pause', halted: null, ...operator },
      { act: 'consumers resume', halted: PAUSED, ...operator },
    ]);
  });

  it('a member that takes a paused partition over calls no handler; of two operators who pause or resume at once, one does', async () => {
    const consumer = (by: string) =>
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        handled.push(by);
        await note(tx, event);
      });
    const handled: string[] = [];
    const first = await scene.start(consumer('first'), { watchMs: 20 });
    await publish(0, 1);
    await waitUntil(async () => (await scene.offset()) === 2, { what: 'the first events' });
    expect((await Promise.all([pause(), pause()])).flat()).toHaveLength(1);
    await publish(2, 3);
    await first.stop();
    const second = await scene.start(consumer('second'), { watchMs: 20 });
    await waitUntil(() => second.status()[0]?.partitions[0]?.state === 'halted', { what: 'the pause' });
    const twins: number[] = [];
    await scene.start(
      defineConsumer<LedgerDb>(twin, { from: 'first' }).on(counted, ({ data }) => void twins.push(data.n)),
    );
    await publish(4, 5);
    await waitUntil(() => twins.length === 6, { what: 'the effects of the twin' });
    expect(handled).toEqual(['first', 'first']);
    const resumes = await Promise.allSettled([resume(), resume()]);
    expect(resumes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(resumes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'RESUME_REFUSED' },
    });
    await waitUntil(async () => (await applied()).length === 6, { what: 'all effects' });
    expect(handled).toEqual(['first', 'first', 'second', 'second', 'second', 'second']);
    const { rows } = await scene.database.executor.query('select act from converge.audit order by id');
    expect(rows).toEqual([{ act: 'consumers pause' }, { act: 'consumers resume' }]);
  });

  // Many partitions are read as they lie in the table, where the row that was updated last is behind the others. Planted fault: rows that are locked as they lie there.
  it('a pause waits for a slice of several partitions without a deadlock', async () => {
    const { executor } = scene.database;
    await executor.query(`insert into converge.inbox_consumer (name) values ('two')`);
    await executor.query(
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
       select 'two', 'orders', n, 0, 0 from generate_series(0, 199) n`,
    );
    await executor.query('analyze converge.inbox_partition');
    await executor.query('update converge.inbox_partition set next_offset = 1 where partition = 0');
    let runs = 0;
    const database: Pick<typeof scene.database, 'acquire'> = {
      acquire: (signal) => {
        runs += 1;
        return scene.database.acquire(signal);
      },
    };
    let paused: Promise<unknown> = Promise.resolve();
    await withTransaction(database, {}, async (slice) => {
      const lock = (partition: number) =>
        slice.query('select from converge.inbox_partition where partition = $1 for update', [partition]);
      await lock(0);
      paused = pauseConsumer(database, { consumer: 'two' }, operator);
      paused.catch(() => undefined);
      await waitUntil(() => waitsForLock(executor), { what: 'the pause to wait' });
      await lock(1);
    });
    expect(await paused).toHaveLength(200);
    // A deadlock would have been ended by the server, and one of them begun again: the slice, the pause, its wait for drains.
    expect(runs).toBe(3);
  });
});
