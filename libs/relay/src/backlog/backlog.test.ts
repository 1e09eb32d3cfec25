import fc from 'fast-check';
import { expect, test } from 'vitest';
import { START } from '@convergekit/contracts/engine';
import { systemClock } from '@convergekit/core';
import { BacklogWorld } from '../fixture/backlog-world.ts';
import { queueEvent, tickOf } from '../fixture/queued.ts';
import { silent } from '../fixture/running.ts';
import { Backlog } from './backlog.ts';
import { Lane } from './lane.ts';

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

// Planted fault: a line for each topic. A writer may name any number of topics that do not exist.
test('five thousand unknown topics are halted with a hundred lines in the log', () => {
  const lines: string[] = [];
  const backlog = new Backlog({
    settings: {
      clock: { ...systemClock, monotonic: () => 0 },
      log: { ...silent, error: (_fields: object, text: string) => void lines.push(text) },
      readAheadBytes: 1e6,
      readAheadEvents: 1e6,
      recheckMs: 1,
    },
    takeover: { topics: [], cursors: [] },
    main: new Lane(undefined, tickOf(0n), 1n),
    onHalt: () => undefined,
  });
  for (let n = 0; n < 5_000; n += 1)
    backlog.halt(backlog.add(`unknown-${n}`), { code: 'TOPIC_UNKNOWN', detail: '' });
  expect(lines).toHaveLength(100);
  expect(backlog.topics.filter(({ state }) => state.kind === 'halted')).toHaveLength(5_000);
});

test('the age of what waits and of what is unsaved counts from the first of it, and begins anew when all was sent or taken', () => {
  let now = 1_000;
  const main = new Lane(undefined, tickOf(0n), 1n);
  const backlog = new Backlog({
    settings: {
      clock: { ...systemClock, monotonic: () => now },
      log: silent,
      readAheadBytes: 1e6,
      readAheadEvents: 1e6,
      recheckMs: 1,
    },
    takeover: { topics: [], cursors: [] },
    main,
    onHalt: () => undefined,
  });
  const topic = backlog.add('a');
  topic.open([START]);
  const [queue] = topic.queues;
  const window = main.begin();
  const publish = (id: number): void => {
    queueEvent(queue!, id, window, (...event) => backlog.push(queue!, ...event));
    now += 10;
    queue!.take();
    backlog.acknowledge(queue!, queue!.generation);
  };
  expect([backlog.waitingSince, backlog.unsaved.since]).toEqual([undefined, undefined]);
  publish(1);
  now = 2_000;
  publish(2);
  expect([backlog.waitingSince, backlog.unsaved.since]).toEqual([undefined, 1_010]);
  backlog.takeUnsaved();
  expect(backlog.unsaved.since).toBeUndefined();
  now = 280_000;
  publish(3);
  expect(backlog.unsaved.since).toBe(280_010);
  now = 281_000;
  queueEvent(queue!, 4, window, (...event) => backlog.push(queue!, ...event));
  expect(backlog.waitingSince).toBe(281_000);
});
