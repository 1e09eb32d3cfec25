import { expect, it } from 'vitest';
import { logger, withLogsTo } from './index.ts';

function destination() {
  const lines: unknown[] = [];
  return { lines, write: (line: string) => void lines.push(JSON.parse(line)) };
}

// Planted fault: one root for all, which the work that began last takes from the other.
it('works that run beside each other log to their own destinations, at their own levels', async () => {
  const [one, two] = [destination(), destination()];
  const began = Promise.withResolvers<undefined>();
  await Promise.all([
    withLogsTo(one, undefined, async () => {
      await began.promise;
      logger('first').info('an info');
      logger('first').debug('below the default level');
    }),
    withLogsTo(two, 'DEBUG', async () => {
      began.resolve(undefined);
      await began.promise;
      logger('second').debug('a debug line');
    }),
  ]);
  expect(one.lines).toMatchObject([{ level: 'info', name: 'first', msg: 'an info' }]);
  expect(two.lines).toMatchObject([{ level: 'debug', name: 'second', msg: 'a debug line' }]);
});
