import { expect, test } from 'vitest';
import { START } from '@convergekit/contracts/engine';
import { judgeTopic } from './topic-check.ts';
import { Topic } from '../backlog/topic.ts';

// Planted fault: an id that is not compared fails here.
test('a topic counts as recreated when its id differs from the one on record, and only then', () => {
  const described = { partitions: 3, replicationFactor: 3, config: {} };
  const codeOf = (id: string | undefined, topicId: string | null) => {
    const finding = judgeTopic('t', { partitions: 3, topicId: id }, { ...described, topicId });
    return finding.kind === 'wrong' ? finding.halt.code : finding.kind;
  };
  expect(codeOf('a', 'b')).toBe('TOPIC_RECREATED');
  expect([codeOf('a', 'a'), codeOf(undefined, 'b'), codeOf('a', null)]).toEqual(['found', 'found', 'found']);
});

test('the id of a topic counts once something was sent to it', () => {
  const topic = new Topic('t');
  topic.identify('a');
  topic.open([START, START]);
  expect(topic.known).toEqual({ partitions: 2, topicId: undefined });
  topic.open([START, { epoch: 1, tick: 4n, id: 7n }]);
  expect(topic.known).toEqual({ partitions: 2, topicId: 'a' });
});
