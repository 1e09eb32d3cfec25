import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { Renewals } from './engine.ts';

/** Renewals of leases of six seconds, on a manual clock, with what each of them was asked to renew. */
function renewing(renew: () => Promise<unknown> = () => Promise.resolve()) {
  const clock = manualClock();
  const asked: (readonly string[])[] = [];
  const renewals = new Renewals<string>({
    leaseMs: 6_000,
    clock,
    random: () => 0.5, // the first period is a quarter shorter
    renew: (held) => {
      asked.push(held);
      return renew();
    },
  });
  return { clock, asked, renewals };
}

it('leases are renewed together six times in their duration, for as long as they are held', async () => {
  const { clock, asked, renewals } = renewing();
  const dropA = renewals.hold('a');
  const dropB = renewals.hold('b');
  await clock.advance(2_500);
  await dropA();
  await clock.advance(1_000);
  await dropB();
  expect(asked).toEqual([['a', 'b'], ['a', 'b'], ['b']]);
  await clock.advance(10_000);
  expect(asked).toHaveLength(3);
  const dropC = renewals.hold('c');
  await clock.advance(1_500);
  await dropC();
  expect(asked.slice(3)).toEqual([['c']]);
});

it('a renewal that fails ends neither the work nor the next renewals', async () => {
  const { clock, asked, renewals } = renewing(() => Promise.reject(new Error('gone')));
  const done = Promise.withResolvers<string>();
  const worked = renewals.during('a', () => done.promise);
  await clock.advance(3_500);
  expect(asked.length).toBeGreaterThan(1);
  done.resolve('done');
  expect(await worked).toBe('done');
});

it('work ends after the renewal that is under way, so that what follows it meets none', async () => {
  const answer = Promise.withResolvers<undefined>();
  const { clock, renewals } = renewing(() => answer.promise);
  const done = Promise.withResolvers<undefined>();
  let ended = false;
  const worked = renewals.during('a', () => done.promise).then(() => (ended = true));
  await clock.advance(1_500);
  done.resolve(undefined);
  await clock.advance(0);
  expect(ended).toBe(false);
  answer.resolve(undefined);
  await worked;
});
