import { RecordBatchBuilder } from '@convergekit/broker/engine';
import { START } from '@convergekit/contracts/engine';
import { describe, expect, test } from 'vitest';
import { Lane, OpenWindow } from './lane.ts';
import { PartitionQueue } from './partition-queue.ts';
import { appendTo, queueEvent, tickOf } from '../fixture/queued.ts';

const push = (queue: PartitionQueue, window: OpenWindow, id: string) => queueEvent(queue, Number(id), window);
const batchOf = (...texts: readonly string[]): Buffer => {
  const builder = new RecordBatchBuilder();
  for (const text of texts) appendTo(builder, text);
  return builder.seal().bytes;
};
const fill = (queue: PartitionQueue, ids: readonly string[]) => {
  const lane = new Lane(undefined, tickOf(0n), 1n);
  const window = lane.begin();
  for (const id of ids) push(queue, window, id);
  return { lane, window, end: () => lane.end(window, tickOf(1n)) };
};

describe('a partition queue', () => {
  test('a partition queue gives the same batch until it is acknowledged, while later events go into another', () => {
    const queue = new PartitionQueue('t', 0, START);
    const { lane, window, end } = fill(queue, ['1', '2']);
    expect(queue.take()).toEqual({ length: 2, bytes: batchOf('1', '2') });
    for (const id of ['3', '4']) push(queue, window, id);
    end();
    expect(queue.take()).toEqual({ length: 2, bytes: batchOf('1', '2') });
    expect(queue.acknowledge()).toEqual({ events: 2, bytes: batchOf('1', '2').length });
    expect(queue.cursor).toEqual({ epoch: 1, tick: 1n, id: 2n });
    expect(lane.done).toBe(0n);
    expect(queue.take()).toEqual({ length: 2, bytes: batchOf('3', '4') });
    queue.acknowledge();
    expect(queue.cursor.id).toBe(4n);
    expect(queue.size).toBe(0);
    expect(queue.take()).toBeUndefined();
    expect(lane.done).toBe(1n);
  });

  test('a partition queue keeps a batch below the limit, and gives an event above it a batch of its own', () => {
    const queue = new PartitionQueue('t', 0, START);
    const { window } = fill(queue, ['1']);
    const open = queue.open(100);
    expect(queue.open(940_000)).toBe(open);
    const large = queue.open(2_000_000);
    expect(large).not.toBe(open);
    appendTo(large.builder, '9');
    queue.push(9, window, 1);
    expect(queue.open(100)).toBe(large);
    expect(queue.first).toEqual({ tick: 1n, id: 1 });
    queue.acknowledge();
    expect(queue.first).toEqual({ tick: 1n, id: 9 });
  });

  test('a partition queue splits a refused batch into two with the same records, and moves the cursor by the part that is written', () => {
    const queue = new PartitionQueue('t', 0, START);
    const lane = new Lane(undefined, tickOf(0n), 1n);
    const [first, second] = [lane.begin(), new OpenWindow(2n)];
    for (const id of ['1', '2']) push(queue, first, id);
    lane.end(first, tickOf(1n));
    for (const id of ['3', '4', '5']) push(queue, second, id);
    const { bytes } = queue.take()!;
    const added = queue.split(3);
    expect(queue.size).toBe(5);
    expect([first.pending, second.pending]).toEqual([2, 3]);
    expect(queue.take()).toEqual({ length: 3, bytes: batchOf('1', '2', '3') });
    const acknowledged = queue.acknowledge();
    expect(queue.cursor).toEqual({ epoch: 1, tick: 2n, id: 3n });
    expect([first.pending, second.pending]).toEqual([0, 2]);
    expect(queue.take()).toEqual({ length: 2, bytes: batchOf('4', '5') });
    expect(queue.first).toEqual({ tick: 2n, id: 4 });
    expect(acknowledged.bytes + queue.acknowledge().bytes).toBe(bytes.length + added);
  });

  // Planted fault: a number that begins anew, with which the pauses between the sends never grow.
  test('a partition queue counts the failed sends in a row, since the first one, until a batch is written', () => {
    const queue = new PartitionQueue('t', 0, START);
    fill(queue, ['1']);
    expect(queue.fail('A', 5)).toMatchObject({ code: 'A', failures: 1, since: 5 });
    expect(queue.fail('B', 9)).toMatchObject({ code: 'B', failures: 2, since: 5 });
    queue.acknowledge();
    expect(queue.fail('A', 20)).toMatchObject({ failures: 1, since: 20 });
  });

  test('a partition queue that is dropped loses what was not acknowledged, and names the cursor as predecessor again', () => {
    const queue = new PartitionQueue('t', 0, START);
    const { window } = fill(queue, ['1']);
    queue.take();
    for (const id of ['2', '3']) push(queue, window, id);
    queue.acknowledge();
    const { generation } = queue;
    expect(queue.isPassed(1n, 3)).toBe(true);
    expect(queue.drop()).toEqual({ events: 2, bytes: batchOf('2', '3').length });
    expect(queue.generation).not.toBe(generation);
    expect(queue.prev.toString()).toBe('1.1.1');
    expect(queue.isPassed(1n, 2)).toBe(false);
    expect(window.pending).toBe(0);
  });

  test.each([
    [6n, 999, true],
    [7n, 99, true],
    [7n, 100, true],
    [7n, 101, false],
    [8n, 1, false],
  ])(
    'a partition queue whose cursor is 7.100 counts an event at %s.%s as passed: %s',
    (number, id, passed) => {
      const queue = new PartitionQueue('t', 0, { epoch: 1, tick: 7n, id: 100n });
      expect(queue.isPassed(number, id)).toBe(passed);
      const forked = new PartitionQueue('t', 0, {
        epoch: 1,
        tick: 9n,
        id: 900n,
        passed: { tick: 7n, id: 100n },
      });
      expect(forked.isPassed(number, id)).toBe(passed);
      expect(forked.prev.toString()).toBe('1.9.900');
    },
  );
});

describe('a lane', () => {
  test('a lane is done up to the last window before the first that is not wholly read and acknowledged', () => {
    const lane = new Lane(undefined, tickOf(4n), 1n);
    const [a, b] = [new PartitionQueue('t', 0, START), new PartitionQueue('t', 1, START)];
    const first = lane.begin();
    push(a, first, '1');
    lane.end(first, tickOf(5n));
    const second = lane.begin();
    push(b, second, '2');
    lane.end(second, tickOf(6n));
    const third = lane.begin();
    b.acknowledge();
    expect(lane.done).toBe(4n);
    a.acknowledge();
    expect(lane.done).toBe(6n);
    expect(third.number).toBe(7n);
    lane.end(third, tickOf(7n));
    expect(lane.done).toBe(7n);
  });
});
