import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { database, calls, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import { ended, hurried, outcomes, request, type SceneDb, workRows } from '../../fixture/calls/scene.ts';
import type { WorkAttempt } from '../work/work.ts';
import { sagaWorker } from '../../saga-worker.ts';

sceneForEach();

/** The call of a version that cannot read what a newer one wrote. */
const old = (): typeof calls.keyed => ({
  ...calls.keyed,
  revive: () => {
    throw new TypeError('of a newer version');
  },
});

// Planted fault: a worker that sticks at once what it cannot read leaves this one to an operator, though the next process reads it.
it('a worker leaves an intent that it cannot read to a process that can, whatever the state of the intent', async () => {
  await request(database, calls.keyed, ['new']);
  const worker = sagaWorker<SceneDb>([old()], { ...hurried, database });
  await worker.start();
  const tried = async () =>
    (JSON.parse((await workRows(database))[0]!.story) as readonly WorkAttempt[]).map(
      ({ failure }) => failure?.code,
    );
  await waitUntil(async () => (await tried()).length >= 2, { what: 'the old process to pass it on twice' });
  await worker.stop();
  expect([...new Set(await tried())]).toEqual(['INTENT_UNREADABLE']);
  expect((await workRows(database))[0]).toMatchObject({ state: 'ready', attempts: 0 });
  const next = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database });
  await next.start();
  await ended(database);
  await next.stop();
  expect([provider.times('new'), await outcomes(database)]).toEqual([1, ['new r-new']]);
});

// Planted fault: what an older process passes on as unknown is called again, although its outcome is known.
it('an outcome that is known stays known while a process cannot read its intent', async () => {
  await request(database, calls.keyed, ['known']);
  const revive: typeof calls.keyed.revive = (stored) => ({
    ...calls.keyed.revive(stored),
    succeeded: () => Promise.reject(new TypeError('a fault of the application')),
  });
  const passOn = async (by: typeof calls.keyed, code: string): Promise<void> => {
    const worker = sagaWorker<SceneDb>([by], { ...hurried, database });
    await worker.start();
    await waitUntil(async () => (await workRows(database))[0]!.story.includes(code), { what: code });
    await worker.stop();
  };
  await passOn({ ...calls.keyed, revive }, 'a fault of the application');
  await passOn(old(), 'INTENT_UNREADABLE');
  expect((await workRows(database))[0]).toMatchObject({ state: 'answered' });
  const next = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database });
  await next.start();
  await ended(database);
  await next.stop();
  expect([provider.times('known'), await outcomes(database)]).toEqual([1, ['known r-known']]);
});

// Planted fault: a number that begins anew with each recording.
it('a worker waits longer after each recording of an outcome that failed', async () => {
  const step = { baseMs: 2, factor: 2, capMs: 600_000 };
  const schedule = { ...calls.keyed.schedule, fast: step, fastAttempts: 60 };
  const revive: typeof calls.keyed.revive = (stored) => ({
    ...calls.keyed.revive(stored),
    succeeded: () => Promise.reject(new TypeError('a fault of the application')),
  });
  await request(database, calls.keyed, ['a']);
  const worker = sagaWorker<SceneDb>([{ ...calls.keyed, schedule, revive }], { ...hurried, database });
  await worker.start();
  const caps = async () =>
    (JSON.parse((await workRows(database))[0]!.story) as readonly WorkAttempt[]).flatMap(({ op, wait }) =>
      op === 'settle' && wait !== undefined ? [wait.capMs] : [],
    );
  await waitUntil(async () => (await caps()).length >= 3, { what: 'three recordings' });
  await worker.stop();
  expect((await caps()).slice(0, 3)).toEqual([2, 4, 8]);
});
