import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BacklogWorld } from '../fixture/backlog-world.ts';

/**
 * Planted faults; without each of these the property failed: the bytes that a split adds; the end of `ready` at a drop; that
 * partitions follow the halt of their topic; the generation at an acknowledgement; the held partitions in `heldAt`. And the last test: `missed: 'some'` at the end of
 * a drain.
 */

/** Steps that advance the backlog are chosen more often than steps that halt it. */
const names = ['window', 'lane', 'send', 'succeed', 'save', 'catchUp'].flatMap((name) => [name, name, name]);

test('in whatever order events are read, sent, refused, halted and caught up, the backlog counts right and passes no window whose events are not in the log', () => {
  const step = fc.tuple(
    fc.constantFrom(...names, 'fail', 'haltTopic', 'haltPartition', 'unread', 'moveHold', 'moveHold'),
    fc.nat(255),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), (steps) => {
      const world = new BacklogWorld();
      for (const [name, n] of steps) {
        world.steps[name]!(n);
        expect({ after: name, wrong: world.violations() }).toEqual({ after: name, wrong: [] });
      }
    }),
    { numRuns: 200 },
  );
});

test('a topic that is halted at the end of its drain counts as having missed events, so that its hold stays', () => {
  const world = new BacklogWorld();
  const [topic] = world.backlog.topics;
  const steps = [
    ['haltTopic', 0],
    ['save', 0],
    ['window', 0],
    ['catchUp', 0],
    ['window', 3],
    ['lane', 0],
    ['save', 0],
  ] as const;
  for (const [name, n] of steps) world.steps[name]!(n);
  expect(topic?.state).toMatchObject({ kind: 'halted', heldAt: 2n, missed: 'some' });
  world.steps['moveHold']!(0);
  expect(world.violations()).toEqual([]);
});
