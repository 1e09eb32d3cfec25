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

it('a rejection that the code of a call leaves behind goes to its call', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  inCallOfCode(
    { what: () => 'a handler', stray: resolve },
    () => void Promise.reject(new RangeError('left')),
  );
  expect(await promise).toEqual(new RangeError('left'));
});

it('a rejection of other code ends the process as before', async () => {
  const uncaught = once(process, 'uncaughtException');
  void Promise.reject(new RangeError('foreign'));
  expect(await uncaught).toEqual([new RangeError('foreign'), 'unhandledRejection']);
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
