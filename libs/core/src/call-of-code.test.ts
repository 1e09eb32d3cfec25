import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { containStrays, inCallOfCode, runCode } from './call-of-code.ts';

const events = ['unhandledRejection', 'uncaughtException'] as const;
let others: (readonly [string, readonly (() => void)[]])[];
let release: () => void;
beforeEach(() => {
  // Vitest's own listeners fail the run.
  others = events.map((event) => [event, process.listeners(event as 'exit') as (() => void)[]] as const);
  for (const event of events) process.removeAllListeners(event);
  release = containStrays();
});
afterEach(() => {
  release();
  for (const [event, listeners] of others) for (const one of listeners) process.on(event, one);
});

const unexpected = (error: unknown): void => expect(error).toBeUndefined();

it('a rejection that the code of a call leaves behind goes to its call', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  inCallOfCode(
    { what: () => 'a handler', stray: resolve, thrown: () => false },
    () => void Promise.reject(new RangeError('left')),
  );
  expect(await promise).toEqual(new RangeError('left'));
});

it('a rejection of other code ends the process as before', async () => {
  const uncaught = once(process, 'uncaughtException');
  void Promise.reject(new RangeError('foreign'));
  expect(await uncaught).toEqual([new RangeError('foreign'), 'unhandledRejection']);
});

it('code with a callback that throws fails at once, although what it awaits never comes', async () => {
  const failed = runCode('a repair', unexpected, () => {
    setImmediate(() => {
      throw new RangeError('boom');
    });
    return new Promise(() => undefined);
  });
  await expect(failed).rejects.toMatchObject({
    code: 'CALLBACK_THREW',
    message:
      "a callback of a repair threw (a timer, or a listener of an event, such as an 'error' that has no listener): boom. Catch it in the callback, and reject a promise that the code awaits.",
  });
});

it('an error that a callback throws after the end of its code is not contained', async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
  await runCode('a repair', unexpected, () => {
    void ended.then(() =>
      setImmediate(() => {
        throw new RangeError('late');
      }),
    );
    return Promise.resolve();
  });
  const uncaught = once(process, 'uncaughtException');
  end(undefined);
  expect(await uncaught).toEqual([new RangeError('late'), 'uncaughtException']);
});

it('code that returns with a rejection left behind fails with it, and a later one is handed on', async () => {
  const late = Promise.withResolvers<unknown>();
  const go = Promise.withResolvers<undefined>();
  const turn = () => once(process, 'unhandledRejection');
  const failed = runCode(
    'a repair',
    (error) => late.resolve(error),
    async () => {
      const rejected = turn();
      void Promise.reject(new RangeError('early'));
      void go.promise.then(() => Promise.reject(new RangeError('late')));
      await rejected;
    },
  );
  await expect(failed).rejects.toMatchObject({
    code: 'REJECTION_NOT_AWAITED',
    message:
      '`await` is missing: a repair did not await a promise, which was rejected: early. Write `await` before what makes it, or handle its error.',
  });
  go.resolve(undefined);
  expect(await late.promise).toEqual(new RangeError('late'));
});
