import { expect, it } from 'vitest';
import { SearchGate } from './gate.ts';

it('searches run one after the other, a failed one frees its place, and more than sixteen are not let to wait', async () => {
  const gate = new SearchGate();
  let [running, most] = [0, 0];
  const first = Promise.withResolvers<undefined>();
  const search = async (fails: boolean): Promise<void> => {
    most = Math.max(most, (running += 1));
    await first.promise;
    running -= 1;
    if (fails) throw new Error('lost');
  };
  const asked = Array.from({ length: 17 }, (_, at) => gate.run(() => search(at % 2 === 0)));
  const ended = Promise.allSettled(asked);
  await expect(gate.run(() => search(false))).rejects.toThrow(/16 searches wait/);
  first.resolve(undefined);
  expect((await ended).filter(({ status }) => status === 'rejected')).toHaveLength(9);
  expect([running, most]).toEqual([0, 1]);
  await expect(gate.run(() => Promise.resolve('found'))).resolves.toBe('found');
});
