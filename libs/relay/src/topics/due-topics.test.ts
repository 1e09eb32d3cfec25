import { expect, test } from 'vitest';
import { Topic } from '../backlog/topic.ts';
import { dueTopics } from './upkeep-loop.ts';

const halt = { code: 'TOPIC_UNKNOWN', detail: '' };
const halted = (name: string, recheckAt: number): Topic =>
  new Topic(name, { kind: 'halted', heldAt: 1n, halt, missed: 'some', recheckAt, written: true });

// Planted fault: without the limit one look makes 5,000 requests.
test('one look takes a hundred halted topics, the longest waiting first, and leaves the others due', () => {
  const topics = Array.from({ length: 5_000 }, (_, n) => halted(`t${n}`, 5_000 - n));
  const due = dueTopics([new Topic('flowing'), ...topics], 4_000);
  expect(due.map(({ name }) => name)).toEqual(Array.from({ length: 100 }, (_, n) => `t${4_999 - n}`));
});
