// Code that was removed once, and a test here failed: the reversed order.
import { expect, test } from 'vitest';
import { Cleanup } from './cleanup.ts';

test('cleanups run once, the last one first, and one that fails does not stop the others', async () => {
  const said: string[] = [];
  const undone: string[] = [];
  const cleanup = new Cleanup((line) => said.push(line));
  const part = (name: string) => cleanup.add(() => Promise.resolve(void undone.push(name)));
  part('database');
  cleanup.add(() => Promise.reject(new Error('the slot is in use')));
  const topic = part('topic');
  part('process');
  await topic();
  await cleanup.run();
  await topic();
  await cleanup.run();
  expect(undone).toEqual(['topic', 'process', 'database']);
  expect(said).toEqual(['clean-up: the slot is in use']);
});

test('a resource is refused once the cleanup has begun', async () => {
  const cleanup = new Cleanup(() => undefined);
  cleanup.throwIfClosed();
  await cleanup.run();
  expect(() => cleanup.throwIfClosed()).toThrow('stopped');
});
