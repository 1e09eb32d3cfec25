import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import type { EventContext } from '../define/types.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines } from '../fixture/ledger.ts';

describe('pipelined writes of a handler', () => {
  let scene: FailureScene;
  const { name, counted } = sceneForEach((opened) => (scene = opened), { prefix: 'payments' });
  type Context = EventContext<LedgerDb, { key: string; n: number }>;

  const line = ({ tx, event }: Context) =>
    tx.insertInto('ledger').values({ event_id: event.id, key: event.data.key, n: event.data.n });
  const publish = (count: number) =>
    scene.source.publish(
      scene.broker,
      Array.from({ length: count }, (_, n) => counted({ key: `k${n % 3}`, n })),
    );
  const consumer = (handler: (context: Context) => Promise<void> | void) =>
    defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(counted, (_, context) =>
      handler(context),
    );

  it('G3e: a pipelined write happens in the order of the log, and a later handler reads it', async () => {
    await publish(300);
    const read: number[] = [];
    await scene.start(
      consumer(async (context) => {
        const { tx, write, event } = context;
        write(line(context));
        // Planted fault: a `write` that is sent when the slice ends makes this read 0.
        if (event.data.n % 100 !== 99) return;
        const { count } = await tx
          .selectFrom('ledger')
          .select(({ fn }) => fn.countAll().as('count'))
          .executeTakeFirstOrThrow();
        read.push(Number(count));
      }),
    );
    await scene.settled(300);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    expect(read).toEqual([100, 200, 300]);
  });

  // Planted faults, both fail here: a slice that commits without the answers (Postgres rolls it back); the error of the
  // statement after the failed one taken for the reason (25P02, the aborted transaction, instead of 23514).
  it('G3e: a pipelined write that fails makes its event alone a dead letter, and all others take effect', async () => {
    await scene.database.executor.query('alter table ledger add check (n not in (7, 11))');
    const ids = await publish(20);
    await scene.start(
      consumer(async (context) => {
        context.write(line(context));
        // The handler of 7 sees the failure itself; the handler of 11 has ended before the failure is known.
        if (context.event.data.n === 7) await sql`select 1`.execute(context.tx);
      }),
    );
    await scene.settled(20);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual(
      Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 7 && n !== 11),
    );
    const letters = await scene.letters();
    expect(letters.map(({ event_id, category, code }) => [event_id, category, code])).toEqual([
      [ids[7], 'data', '23514'],
      [ids[11], 'data', '23514'],
    ]);
  });

  it('a pipelined write after the end of its handler is refused', async () => {
    await publish(1);
    const refused = Promise.withResolvers<unknown>();
    await scene.start(
      consumer((context) => {
        const query = line(context).compile();
        setImmediate(() => {
          try {
            context.write(query);
            refused.resolve('written');
          } catch (error) {
            refused.resolve(error);
          }
        });
      }),
    );
    await expect(refused.promise).resolves.toMatchObject({ code: 'HANDLER_ENDED' });
    await scene.settled(1);
    expect(await lines(scene.database)).toEqual([]);
  });
});
