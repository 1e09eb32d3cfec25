import type { Broker } from '@convergekit/broker';
import type { Database, Executor } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

const MOST_BATCHES = 1_000;

/** Counts the batches that consumers of `broker` get. After a thousand none is handled, so that a loop without end fails in place of hanging. */
function countBatches(broker: Broker, count: () => number): Broker {
  return new Proxy(broker, {
    get: (target, name) => {
      if (name === 'consumer')
        return (options: Parameters<Broker['consumer']>[0]) =>
          target.consumer({
            ...options,
            handlers: {
              ...options.handlers,
              batch: async (batch, control) => {
                if (count() > MOST_BATCHES) return control.pause();
                return options.handlers.batch(batch, control);
              },
            },
          });
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

// Planted fault: a batch of a consumer that stops is only left, and so fetched again, and again.
it('a consumer whose stop waits for its database does not fetch one batch over and over meanwhile', async () => {
  const { scene, name, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  const { counted } = events;
  let batches = 0;
  let held: PromiseWithResolvers<undefined> | undefined;
  let waits = false;
  const executor: Executor = {
    query: async (text, values) => {
      if (held !== undefined && text.includes('from converge.inbox_partition')) {
        waits = true;
        await held.promise;
      }
      return scene.database.executor.query(text, values);
    },
  };
  const database: Database<LedgerDb> = { ...scene.database, executor };
  const broker = countBatches(scene.broker, () => (batches += 1));
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const service = await scene.start(consumer, { database, broker, watchMs: 20 });
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
  await waitUntil(async () => (await lines(scene.database)).length === 1, { what: 'the first event' });

  held = Promise.withResolvers<undefined>();
  await waitUntil(() => waits, { what: 'a look at the partitions' });
  const stopped = service.stop();
  const before = batches;
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 2 })]);
  await waitUntil(() => batches > before, { what: 'a batch during the stop' });
  held.resolve(undefined);
  await stopped;
  expect(batches - before).toBe(1);

  held = undefined;
  await scene.start(consumer);
  await waitUntil(async () => (await lines(scene.database)).length === 2, { what: 'the second event' });
});
