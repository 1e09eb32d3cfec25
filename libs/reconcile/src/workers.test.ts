import { expect, it } from 'vitest';
import { claimOf } from './fixture/decided.ts';
import { ForgetGroups } from './workers.ts';

/** Groups whose statements the test answers itself. */
function open() {
  const statements: {
    readonly keys: readonly string[];
    readonly answer: PromiseWithResolvers<ReadonlySet<string>>;
  }[] = [];
  const groups = new ForgetGroups((claims) => {
    const answer = Promise.withResolvers<ReadonlySet<string>>();
    statements.push({ keys: claims.map(({ key }) => key), answer });
    return answer.promise;
  });
  return { statements, forget: (key: string) => groups.forget(claimOf({ key })) };
}

it('a healthy key is forgotten at once, and those that end meanwhile share the next statement', async () => {
  const { statements, forget } = open();
  const ends = ['a', 'b', 'c', 'd'].map(forget);
  expect(statements.map(({ keys }) => keys)).toEqual([['a']]);
  statements[0]?.answer.resolve(new Set(['a']));
  expect(await ends[0]).toBe(true);
  await Promise.resolve();
  expect(statements.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c', 'd']]);
  statements[1]?.answer.resolve(new Set(['b', 'd']));
  expect(await Promise.all(ends)).toEqual([true, true, false, true]);
});

it('a statement that fails rejects the keys of its group only', async () => {
  const { statements, forget } = open();
  const first = forget('a');
  const second = forget('b');
  statements[0]?.answer.reject(new Error('the connection is lost'));
  await expect(first).rejects.toThrow('the connection is lost');
  await Promise.resolve();
  statements[1]?.answer.resolve(new Set(['b']));
  expect(await second).toBe(true);
});
