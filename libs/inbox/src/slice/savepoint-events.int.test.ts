import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

let scene: FailureScene;
const { name, counted, priced } = sceneForEach((opened) => (scene = opened));

// Without `follow` in `callHandlers` the events of the savepoints that were undone stay.
it.each(['tx', 'pgClient'])(
  'G1a: events that a handler emits in a savepoint are forgotten with its rows, through %s',
  async (door) => {
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, context) => {
        const { tx, emit, pgClient } = context;
        const client = await pgClient();
        const run = (text: string) => (door === 'tx' ? executorOf(tx).query(text) : client.query(text));
        const line = async (n: number): Promise<void> => {
          await note(tx, { id: event.id, data: { key: 'k', n } });
          emit(priced({ key: 'k', n }));
        };
        await line(1);
        await run('savepoint One');
        await line(2);
        await run('savepoint two');
        await line(3);
        await run('release savepoint two');
        await run('rollback to savepoint "one"');
        await line(4);
        await run('rollback to one');
        await line(5);
        await run('savepoint three; release three');
        await line(6);
      }),
    );
    await waitUntil(async () => (await scene.offset()) >= 1, { what: 'the event' });
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([1, 5, 6]);
    expect((await scene.outbox()).map(({ payload }) => (JSON.parse(payload) as { n: number }).n)).toEqual([
      1, 5, 6,
    ]);
  },
);
