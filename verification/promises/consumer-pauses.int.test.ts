import { quickRetries } from '@convergekit/inbox/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defineConsumer } from 'convergekit';
import { waitUntil } from '@convergekit/testing';
import { type LedgerDb, note } from '../../libs/inbox/src/fixture/ledger.ts';
import { Counting, partitionOf, why } from './fixture/consumers.ts';

let stock: Counting;
beforeEach(async () => {
  stock = await Counting.open({ local: true });
});
afterEach(() => stock.scene.close());

const cli = (...args: readonly string[]) => stock.scene.cli(...args);

// Planted fault: without the limit all forty are given up and compensated.
it('G5w, G5k: with a bug in every event at most five are given up, then the consumer pauses; one resume applies the rest, on record', async () => {
  stock.throws = () => new TypeError('a wrong deployment');
  const service = await stock.start({
    policies: quickRetries({ giveUp: { afterMs: 200, perHour: 5 } }).policies,
  });
  await stock.emit(...Array.from({ length: 40 }, (_, n) => [`k${n}`, n] as const));
  const state = () => partitionOf(service);
  await waitUntil(() => state()?.state === 'halted', { what: 'the halt' });
  expect(state()).toMatchObject({ code: 'give_up_limit' });
  const { stdout } = await cli('consumers', 'list', stock.name);
  expect(stdout).toContain(`converge consumers resume ${stock.name} --reason`);
  const given = (await stock.failures()).length;
  expect([given, (await stock.dead()).length]).toEqual([5, 5]);
  stock.throws = () => undefined;
  expect((await cli('consumers', 'resume', stock.name, ...why)).code).toBe(0);
  await stock.until(40 - given);
  await waitUntil(async () => (await stock.parked()).length === given, {
    what: 'the parked keys to be released',
  });
  expect((await stock.failures()).length).toBe(given);
  expect(await stock.acts()).toEqual(['consumers resume: deployed the fix']);
});

it('G5k: a pause returns when no handler runs, and a resume alone ends it; both are on record', async () => {
  const running = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const { counted } = stock.events;
  const consumer = defineConsumer<LedgerDb>(stock.name, { from: 'first' }).on(
    counted,
    async (event, { tx }) => {
      if (event.data.n === 1) {
        running.resolve(undefined);
        await released.promise;
      }
      await note(tx, event);
    },
  );
  const service = await stock.scene.consume([consumer]);
  await stock.emit(['a', 1]);
  await running.promise;
  let hasPaused = false;
  const pausing = cli('consumers', 'pause', stock.name, ...why.slice(0, 2)).then((end) => {
    hasPaused = true;
    return end;
  });
  await stock.emit(['a', 2]);
  await waitUntil(() => waitsForLock(stock.scene.database.executor), {
    what: 'the pause to wait for the handler',
  });
  expect(hasPaused).toBe(false);
  released.resolve(undefined);
  expect((await pausing).code).toBe(0);
  const before = await stock.applied();
  await stock.scene.stop(service);
  const again = await stock.scene.consume([consumer]);
  await waitUntil(() => partitionOf(again)?.state === 'halted', { what: 'the pause to be seen' });
  expect(await stock.applied()).toEqual(before);
  expect((await cli('consumers', 'resume', stock.name, ...why)).code).toBe(0);
  await stock.until(2);
  expect((await stock.acts()).map((act) => act.split(':')[0])).toEqual([
    'consumers pause',
    'consumers resume',
  ]);
});
