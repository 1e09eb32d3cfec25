import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import type { Middleware } from './middleware.ts';

/** Planted faults, each seen to fail here: middleware composed the other way round; the service's list left out. */

it('middleware wraps every call, the first of the list outermost, within the slice and inside the kit’s own', async () => {
  const { scene, name, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  const reported: string[] = [];
  const logging =
    (who: string): Middleware<LedgerDb> =>
    async (call, next) => {
      reported.push(`${who} before ${call.subscription.handler} of ${call.events.length}`);
      await next(call);
      reported.push(`${who} after`);
    };
  /** Sets a variable in the handler's transaction, as row-level security needs it. */
  const tenant: Middleware<LedgerDb> = async (call, next) => {
    await executorOf(call.context.tx).query(`select set_config('app.tenant', $1, true)`, [
      call.events[0]!.key,
    ]);
    await next(call);
  };
  const tenants: unknown[] = [];
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' })
    .on(events.counted, async (event, { tx }) => {
      const { rows } = await executorOf(tx).query(`select current_setting('app.tenant') as tenant`);
      tenants.push(...rows);
      await note(tx, event);
    })
    .onBatch(events.priced, () => Promise.resolve());
  await scene.source.publish(scene.broker, [
    events.counted({ key: 'a', n: 1 }),
    events.priced({ key: 'b', n: 2 }),
    events.priced({ key: 'c', n: 3 }),
  ]);
  await scene.start(consumer, { middleware: [logging('outer'), logging('inner'), tenant] });
  await waitUntil(async () => (await scene.offset()) >= 3, { what: 'the slice' });
  expect(reported).toEqual([
    'outer before test.counted of 1',
    'inner before test.counted of 1',
    'inner after',
    'outer after',
    'outer before test.priced of 2',
    'inner before test.priced of 2',
    'inner after',
    'outer after',
  ]);
  expect([tenants, (await lines(scene.database)).length]).toEqual([[{ tenant: 'a' }], 1]);
});
