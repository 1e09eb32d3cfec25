import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import type { EventContext } from '../define/types.ts';
import { sceneForEach, type FailureScene } from '../fixture/failure-scene.ts';
import { JointScene, KEYS } from '../fixture/joint-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

let others: readonly NodeJS.UnhandledRejectionListener[];
beforeEach(() => {
  // Vitest fails a run at a rejection that a service contains.
  others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
});
afterEach(() => {
  for (const other of others) process.on('unhandledRejection', other);
});

type Context = EventContext<LedgerDb, unknown>;
const run = ({ tx }: Context, text: string) => sql.raw(text).execute(tx);
const inClient = async ({ pgClient }: Context, text: string) => {
  const client = await pgClient();
  void client.query(text);
};
const FAILS = 'select 1 / 0';
const WORKS = 'select pg_sleep(0)';

describe('a handler that forgets an await', () => {
  let scene: FailureScene;
  const { name, counted } = sceneForEach((opened) => (scene = opened), { prefix: 'payments' });

  /** Runs `act` at the end of the handler of the second of three events. Returns the attempts at it. */
  async function attemptsOf(act: (context: Context) => unknown) {
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
      counted,
      async (event, context) => {
        await note(context.tx, event);
        if (event.data.n === 2) await act(context);
      },
    );
    const ids = await scene.source.publish(
      scene.broker,
      [1, 2, 3].map((n) => counted({ key: `k${n}`, n })),
    );
    await scene.start(consumer);
    await scene.settled(3);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([1, 3]);
    const [letter, ...more] = await scene.letters();
    expect([letter?.event_id, more]).toEqual([ids[1], []]);
    const attempts = JSON.parse(letter!.attempts) as { code: string; message: string }[];
    expect(attempts).toHaveLength(3);
    for (const { message } of attempts) {
      expect(message).toContain('`await` is missing');
      expect(message).toContain(`handler test.counted of consumer ${name} (event test.counted ${ids[1]})`);
    }
    return attempts[0]!;
  }

  it.each<[string, (context: Context) => unknown]>([
    ['that fails', (context) => void run(context, FAILS)],
    ['that succeeds', (context) => void run(context, WORKS)],
    ['whose error it catches', (context) => void run(context, FAILS).catch(() => undefined)],
    ['through the executor', ({ tx }) => void executorOf(tx).query(WORKS)],
    ['through the client', (context) => inClient(context, WORKS)],
    [
      'through the client with a callback',
      async ({ pgClient }) => (await pgClient()).query(WORKS, () => undefined),
    ],
    [
      'in a function of its own, which would send more',
      (context) => void run(context, WORKS).then(() => run(context, FAILS)),
    ],
    ['in a savepoint', (context) => run(context, 'savepoint s').then(() => void run(context, FAILS))],
  ])('before its last statement %s fails its own event, and no process', async (_, act) => {
    expect(await attemptsOf(act)).toMatchObject({ code: 'STATEMENT_NOT_AWAITED' });
  });

  it('before a statement that fails while others run gets the error of that statement, not of those after it', async () => {
    const { code, message } = await attemptsOf(async (context) => {
      void run(context, FAILS);
      await run(context, WORKS);
    });
    expect([code, message]).toEqual(['REJECTION_NOT_AWAITED', expect.stringContaining('division by zero')]);
  });

  it('before a call of another system that fails meanwhile fails its own event', async () => {
    const { code, message } = await attemptsOf(async (context) => {
      void fetch('http://127.0.0.1:1');
      await waitUntil(async () => (await rejected()) > 0, { what: 'the rejection' });
      await run(context, WORKS);
    });
    expect([code, message]).toEqual(['REJECTION_NOT_AWAITED', expect.stringContaining('fetch failed')]);
  });

  /** The number of rejections that nothing handled so far, one turn later. */
  let seen = 0;
  const count = () => void (seen += 1);
  const rejected = () => Promise.resolve(seen);
  beforeEach(() => {
    seen = 0;
    process.on('unhandledRejection', count);
    return () => process.off('unhandledRejection', count);
  });

  it('and then waits for all of several statements gets the error of the one that failed', async () => {
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
      counted,
      async (_, context) => {
        await Promise.all([run(context, WORKS), run(context, FAILS), run(context, WORKS)]);
      },
    );
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
    await scene.start(consumer);
    await scene.settled(1);
    expect(await scene.letters()).toMatchObject([{ code: '22012' }]);
  });

  it('and fails while several statements are in work gets its own error, and a limiter around them its places back', async () => {
    let places = 0;
    const limit = async (fn: () => Promise<unknown>): Promise<unknown> => {
      places += 1;
      try {
        return await fn();
      } finally {
        places -= 1;
      }
    };
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
      counted,
      async (event, context) => {
        const texts = [FAILS, WORKS, WORKS];
        if (event.data.n === 1) {
          await Promise.all(texts.map((text) => limit(() => run(context, text))));
          return;
        }
        // The second one is rejected, too, and nothing waits for it any more.
        const [a, b] = [limit(() => run(context, FAILS)), limit(() => run(context, WORKS))];
        await a;
        await b;
      },
    );
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 }), counted({ key: 'l', n: 2 })]);
    await scene.start(consumer);
    await scene.settled(2);
    expect(await scene.letters()).toMatchObject([{ code: '22012' }, { code: '22012' }]);
    await expect.poll(() => places).toBe(0);
  });

  it('before a function that sends its statement after the event was committed ends no process, and the statement is not sent', async () => {
    const late = Promise.withResolvers<undefined>();
    const tried = Promise.withResolvers<undefined>();
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      void late.promise.then(() => {
        tried.resolve(undefined);
        return note(tx, event);
      });
    });
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
    await scene.start(consumer);
    await scene.settled(1);
    late.resolve(undefined);
    await tried.promise;
    await waitUntil(async () => (await rejected()) > 0, { what: 'the rejection' });
    expect(await lines(scene.database)).toHaveLength(1);
    expect(await scene.letters()).toEqual([]);
  });
});

it('an error that a handler left behind in a joint slice fails its own event alone', async () => {
  const scene = await JointScene.open(inject('stack').databaseUrl);
  try {
    const service = await scene.start(({ n }, context) => {
      if (n === 31) void run(context, FAILS);
      return Promise.resolve();
    });
    await scene.gather(service);
    const innocent = [0, 11, 12, 21, 22, 41, 42].map((n) => `${KEYS[Math.floor(n / 10)]!} ${n}`);
    await scene.applied(innocent.length);
    const dead = async () =>
      (
        await scene.database.executor.query(
          `select code from converge.parked where state = 'dead' and code is not null`,
        )
      ).rows;
    await waitUntil(async () => (await dead()).length > 0, { what: 'the dead letter' });
    expect([await scene.effects(), await dead()]).toEqual([
      innocent.toSorted(),
      [{ code: 'REJECTION_NOT_AWAITED' }],
    ]);
  } finally {
    await scene.close();
  }
});
