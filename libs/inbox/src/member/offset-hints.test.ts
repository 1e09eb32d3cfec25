import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { offsetHints } from './offset-hints.ts';

function hinting(commits: () => Promise<void> = () => Promise.resolve()) {
  const clock = manualClock();
  const sent: [number, bigint][] = [];
  const over = new AbortController();
  const hints = offsetHints(clock, over.signal);
  const partition = { saved: { nextOffset: 0n } };
  const control = {
    seek: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    commit: (offset: bigint) => {
      sent.push([clock.monotonic(), offset]);
      return commits();
    },
    signal: new AbortController().signal,
  };
  const move = (nextOffset: bigint): void => {
    partition.saved = { nextOffset };
    void hints.later(partition as never, control);
  };
  const leave = () => hints.leave(partition as never);
  return { clock, sent, over, move, leave };
}

it('many positions of a partition cost one commit a second, of the last one', async () => {
  const { clock, sent, move } = hinting();
  for (let offset = 1n; offset <= 40n; offset += 1n) {
    move(offset);
    await clock.advance(100);
  }
  // Positions 1 to 10 were saved in the first second, and so on.
  expect(sent).toEqual([
    [1_000, 10n],
    [2_000, 20n],
    [3_000, 30n],
    [4_000, 40n],
  ]);
});

it('a partition that is given up commits its last position at once, and not twice', async () => {
  const { clock, sent, over, move, leave } = hinting();
  move(7n);
  over.abort();
  await leave();
  await leave();
  await clock.advance(5_000);
  expect(sent).toEqual([[0, 7n]]);
});

it('a commit that fails is repeated with the next position, and giving up does not wait for one that hangs', async () => {
  let answer = (): Promise<void> => Promise.reject(new Error('the broker is away'));
  const { clock, sent, move, leave } = hinting(() => answer());
  move(1n);
  await clock.advance(1_000);
  answer = () => new Promise(() => undefined);
  const left = leave();
  await clock.advance(1_000);
  await left;
  expect(sent).toEqual([
    [1_000, 1n],
    [1_000, 1n],
  ]);
});

// Planted fault: a timer for each partition commits each in a request of its own.
it('positions of several partitions are committed together, and a partition that was given up is left out', async () => {
  const clock = manualClock();
  const sent: string[][] = [];
  let turn: string[] | undefined;
  const over = new AbortController();
  const hints = offsetHints(clock, over.signal);
  const moved = (name: string) => {
    const lost = new AbortController();
    const control = {
      seek: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      signal: lost.signal,
      commit: () => {
        if (turn === undefined) {
          sent.push((turn = []));
          queueMicrotask(() => (turn = undefined));
        }
        turn.push(name);
        return Promise.resolve();
      },
    };
    void hints.later({ saved: { nextOffset: 1n } } as never, control);
    return lost;
  };
  moved('a');
  await clock.advance(400);
  moved('b');
  moved('c').abort();
  await clock.advance(5_000);
  expect(sent).toEqual([['a', 'b']]);
});
