import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { retryingHandler } from '../fixture/retrying-handler.ts';
import { JointScene, KEYS } from '../fixture/joint-scene.ts';

/**
 * Tests of slices that share a transaction. Planted faults, each seen to fail here: `openSlice` without the comparison
 * of lengths, so that a joint slice goes on although a fence is missing; its statement without `next_offset`, and
 * without `state`; one run in place of two. For `skip locked` see `open-joint.int.test.ts`.
 */
let scene: JointScene;
beforeEach(async () => {
  scene = await JointScene.open(inject('stack').databaseUrl);
});
afterEach(() => scene.close());

const [first, second, third, fourth, fifth] = KEYS as [string, string, string, string, string];
const others = [`${second} 11`, `${second} 12`, `${fourth} 31`, `${fourth} 32`, `${fifth} 41`, `${fifth} 42`];
const ofThird = [`${third} 21`, `${third} 22`];
const sorted = (...all: readonly string[]) => [`${first} 0`, ...all].toSorted();
const setPartition = (change: string) =>
  scene.database.executor.query(`update converge.inbox_partition set ${change} where partition = 2`);

it('the slices of four partitions that wait are one transaction, each in the order of its log', async () => {
  const order: number[] = [];
  const service = await scene.start(({ n }) => Promise.resolve(void order.push(n)));
  await scene.gather(service);
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
  expect(scene.joint()).toBe(1);
  for (const n of [11, 21, 31, 41]) expect(order.indexOf(n)).toBe(order.indexOf(n + 1) - 1);
  await waitUntil(() => service.status()[0]!.partitions.every(({ nextOffset }) => nextOffset > 0n), {
    what: 'all positions',
  });
});

it('G3c: a handler that fails in a joint slice takes no effect of other partitions with it, and is given up alone', async () => {
  let runs = 0;
  const service = await scene.start(({ n }) => {
    if (n !== 21) return Promise.resolve();
    runs += 1;
    throw new TypeError('n is 21');
  });
  await scene.gather(service);
  expect(await scene.applied(7)).toEqual(sorted(...others));
  const parked = 'select key, state from converge.parked order by record_offset';
  await waitUntil(async () => (await scene.database.executor.query(parked)).rows.length === 2, {
    what: 'the dead letter and the event behind it',
  });
  expect(await scene.effects()).toEqual(sorted(...others));
  // In the joint slice, in the slice of its partition, and three attempts alone.
  expect([scene.joint(), runs]).toEqual([0, 5]);
});

// Planted fault: without `ownedAttempt` around a joint slice its run of the handler calls three times.
it('a retrying call is made once in each run of its handler, in a joint slice and after it', async () => {
  const { made, handle } = retryingHandler();
  const service = await scene.start(({ n }) => (n === 21 ? handle() : Promise.resolve()));
  await scene.gather(service);
  await waitUntil(() => made.runs >= 2, { what: 'the run in the joint slice, and one alone' });
  expect(made.calls).toBeLessThanOrEqual(made.runs);
});

it.each([
  ['another owner has moved', 'next_offset = 2'],
  [
    'an operator has halted',
    `state = 'halted', halted_code = 'test', halted_reason = 'test', halted_at = now()`,
  ],
])('G3c: a partition that %s fails alone, and the others are applied once', async (_what, change) => {
  const service = await scene.start();
  await scene.gather(service, () => setPartition(change));
  expect(await scene.applied(7)).toEqual(sorted(...others));
  await waitUntil(
    () =>
      service
        .status()[0]!
        .partitions.some(
          ({ partition, nextOffset, state }) => partition === 2 && (nextOffset === 2n || state === 'halted'),
        ),
    { what: 'the state of the partition' },
  );
  expect([await scene.effects(), scene.joint()]).toEqual([sorted(...others), 0]);
});

// For the fault: a fence by its offset alone.
it('G3c: a partition in which another owner has filled a gap fails alone, and all are applied once', async () => {
  const service = await scene.start();
  await scene.gather(service, () => setPartition('fills = fills + 1'));
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
  const { rows } = await scene.database.executor.query(
    'select fills::int from converge.inbox_partition where partition = 2',
  );
  expect([rows, scene.joint()]).toEqual([[{ fills: 1 }], 0]);
});

// For the fault: marks of the events that are handled alone.
it('a joint slice writes the watermarks of the events that were deferred before it', async () => {
  const service = await scene.start();
  const source = await scene.skip(service, second, third, fourth, fifth);
  await scene.gather(service);
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
  const { rows } = await scene.database.executor.query(
    'select partition from converge.inbox_watermark where source = $1 order by partition',
    [source],
  );
  expect([rows, scene.joint()]).toEqual([[1, 2, 3, 4].map((partition) => ({ partition })), 1]);
});

// For the fault: a look at the types of the first partition alone.
it('G3c: a type that a newer version has registered for the last partition of a joint slice is not skipped', async () => {
  const service = await scene.start();
  await scene.skip(service, fifth);
  const { executor } = scene.database;
  await scene.gather(service, async () => {
    const types = { [scene.topic]: { 'test.priced': 'test.priced' } };
    await executor.query('update converge.inbox_consumer set types = $1', [JSON.stringify(types)]);
    await executor.query(
      'update converge.inbox_partition set types_version = types_version + 1 where partition = 4',
    );
  });
  await waitUntil(
    () =>
      service
        .status()[0]!
        .partitions.some(
          ({ partition, nextOffset, state }) => partition === 4 && (nextOffset > 1n || state === 'halted'),
        ),
    { what: 'the halt, or the position behind the slice' },
  );
  expect(service.status()[0]!.partitions[4]).toMatchObject({ code: 'type_ahead', nextOffset: 0n });
  const ofOthers = others.filter((effect) => !effect.startsWith(fifth));
  expect(await scene.applied(7)).toEqual(sorted(...ofOthers, ...ofThird));
  expect(scene.joint()).toBe(0);
});

it('G3c: a fence that another session holds holds up its own partition alone', async () => {
  const service = await scene.start(undefined, { lockTimeoutMs: 600_000 });
  const client = await scene.database.acquire();
  try {
    await scene.gather(service, async () => {
      await client.query('begin');
      await client.query('select from converge.inbox_partition where partition = 2 for update');
    });
    expect(await scene.applied(7)).toEqual(sorted(...others));
  } finally {
    await client.query('rollback');
    client.release(false);
  }
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
});

it('a joint slice that loses a deadlock is run again, and every event is applied once', async () => {
  await scene.database.executor.query(`create table account as values ('a'), ('b')`);
  const lock = (name: string) => `select from account where column1 = '${name}' for update`;
  const client = await scene.database.acquire();
  await client.query(`set deadlock_timeout = '1h'`);
  await client.query('begin');
  await client.query(lock('b'));
  let opposed: Promise<unknown> | undefined;
  let released = false;
  let leading: number | undefined;
  const opposes = async () => released || (await waitsForLock(scene.database.executor));
  const service = await scene.start(async ({ n }, { tx }) => {
    if (n !== 11 && n !== 21) return;
    leading ??= n;
    // The server looks for a deadlock once in a wait, so the other session must wait by then.
    if (n !== leading) await waitUntil(opposes, { what: 'the other session to wait' });
    // A second run could take the row before the session that has waited for it wakes up, and lose another deadlock.
    if (n === leading) await opposed;
    await executorOf(tx).query(lock(n === leading ? 'a' : 'b'));
    if (n === leading)
      opposed ??= client.query(lock('a')).then(() => {
        released = true;
        return client.query('rollback');
      });
  });
  await scene.gather(service);
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
  await opposed;
  client.release(true);
  expect(scene.joint()).toBe(1);
});

it('partitions that another member takes over while their slices wait are applied once', async () => {
  const service = await scene.start();
  await scene.gather(service, () => scene.start());
  expect(await scene.applied(9)).toEqual(sorted(...others, ...ofThird));
});
