import { expect, it } from 'vitest';
import { oneAtATime } from './one-at-a-time.ts';

it('searches run one after the other, a failed one frees its place, and a search is refused where sixteen wait', async () => {
  const inTurn = oneAtATime();
  let [running, most] = [0, 0];
  const first = Promise.withResolvers<undefined>();
  const search = async (fails: boolean): Promise<void> => {
    most = Math.max(most, (running += 1));
    await first.promise;
    running -= 1;
    if (fails) throw new Error('lost');
  };
  const asked = Array.from({ length: 17 }, (_, at) => inTurn(() => search(at % 2 === 0)));
  const ended = Promise.allSettled(asked);
  await expect(inTurn(() => search(false))).rejects.toMatchObject({ status: 409 });
  first.resolve(undefined);
  expect((await ended).filter(({ status }) => status === 'rejected')).toHaveLength(9);
  expect([running, most]).toEqual([0, 1]);
  await expect(inTurn(() => Promise.resolve('found'))).resolves.toBe('found');
});
