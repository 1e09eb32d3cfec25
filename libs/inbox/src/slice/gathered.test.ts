import { expect, it } from 'vitest';
import { Gathered, type SliceWrite } from './gathered.ts';

type Sent = readonly [number, readonly string[]];

/** A slice that has gathered nothing, and what its writes send. */
function slice() {
  const sent: Sent[] = [];
  const write = (order: number): SliceWrite<string> => ({
    order,
    write: (_, items) => {
      sent.push([order, items]);
      return Promise.resolve();
    },
  });
  // No write uses the transaction.
  return { gathered: new Gathered<unknown>(undefined as never), write, sent };
}

// Planted fault: in the order of gathering two slices take the locks of starts, works and fences in two orders.
it('a slice sends what it has gathered in the order of its writes, whatever was gathered first', async () => {
  const { gathered, write, sent } = slice();
  const [first, second, third] = [write(1), write(2), write(3)];
  gathered.add('a', third, 'fence a');
  gathered.add('a', first, 'start a');
  gathered.add('b', second, 'work b');
  gathered.add('b', third, 'fence b');
  await gathered.send();
  expect(sent).toEqual([
    [1, ['start a']],
    [2, ['work b']],
    [3, ['fence a', 'fence b']],
  ]);
});

it('a slice sends each item once, and remembers the key of what it has sent', async () => {
  const { gathered, write, sent } = slice();
  const only = write(1);
  gathered.add('a', only, 'a');
  await gathered.send();
  await gathered.send();
  gathered.add('b', only, 'b');
  await gathered.send();
  expect(sent).toEqual([
    [1, ['a']],
    [1, ['b']],
  ]);
  expect([gathered.has('a'), gathered.has('b'), gathered.has('c')]).toEqual([true, true, false]);
});

it('a rollback to a mark forgets what came after it, and sends again what was sent since', async () => {
  const { gathered, write, sent } = slice();
  const only = write(1);
  gathered.add('a', only, 'a');
  const restore = gathered.mark();
  gathered.add('b', only, 'b');
  await gathered.send();
  restore();
  expect([gathered.has('a'), gathered.has('b')]).toEqual([true, false]);
  await gathered.send();
  expect(sent).toEqual([
    [1, ['a', 'b']],
    [1, ['a']],
  ]);
});
