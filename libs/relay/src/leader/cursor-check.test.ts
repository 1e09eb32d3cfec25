import { expect, test } from 'vitest';
import { requireCursors } from './cursor-check.ts';

const cursor = (topic: string, partition: number) => ({ topic, partition });
const topic = (name: string, partitions: number | undefined) => ({ topic: name, partitions });

test('a leader begins only when every recorded partition has its cursor', () => {
  const topics = [topic('orders', 2), topic('unknown', undefined)];
  expect(() => requireCursors({ topics, cursors: [cursor('orders', 0), cursor('orders', 1)] })).not.toThrow();
  expect(() => requireCursors({ topics, cursors: [cursor('orders', 1)] })).toThrow('no row for orders/0:');
});
