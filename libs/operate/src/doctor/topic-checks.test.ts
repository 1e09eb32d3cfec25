import type { TopicDescription } from '@convergekit/broker/engine';
import { describe, expect, it } from 'vitest';
import { checkTopic } from './topic-checks.ts';

const sound: TopicDescription = {
  name: 'shop.orders',
  topicId: null,
  partitions: 6,
  replicationFactor: 3,
  config: { 'cleanup.policy': 'delete', 'min.insync.replicas': '2', 'max.message.bytes': '1048588' },
};
const verdicts = (found: TopicDescription | undefined) =>
  checkTopic('shop.orders', found).map((one) => one.verdict);

describe('a topic', () => {
  it('a topic that is replicated, bounded and never compacted is sound', () => {
    expect(checkTopic('shop.orders', sound)).toEqual([
      { check: 'topic shop.orders', verdict: 'ok', text: '6 partitions, replication factor 3' },
    ]);
  });

  it('a topic that does not exist is named with the command that creates it', () => {
    expect(checkTopic('shop.orders', undefined)).toMatchObject([
      { verdict: 'fail', next: 'converge topics create shop.orders --partitions 6' },
    ]);
  });

  // Planted fault: the same number for each topic. The relay refuses a topic that lost partitions, and keys move.
  it('a topic that was deleted is created again with the partitions that it had', () => {
    expect(checkTopic('shop.orders', undefined, 12)).toMatchObject([
      { next: 'converge topics create shop.orders --partitions 12' },
    ]);
  });

  it.each(['compact', 'compact,delete', 'delete,compact'])(
    'a topic with cleanup.policy %s is refused',
    (policy) => {
      expect(verdicts({ ...sound, config: { ...sound.config, 'cleanup.policy': policy } })).toEqual(['fail']);
    },
  );

  it('a topic that one broken disk can lose is a warning', () => {
    expect(verdicts({ ...sound, replicationFactor: 1 })).toEqual(['warn']);
    expect(verdicts({ ...sound, config: { ...sound.config, 'min.insync.replicas': '1' } })).toEqual(['warn']);
  });

  it('the copies of a log in Postgres are those of Postgres', () => {
    const local = { ...sound, replicationFactor: undefined, config: {} };
    expect(checkTopic('shop.orders', local)).toEqual([
      { check: 'topic shop.orders', verdict: 'ok', text: '6 partitions' },
    ]);
  });

  it('a topic that refuses the largest event is a warning', () => {
    expect(verdicts({ ...sound, config: { ...sound.config, 'max.message.bytes': '500000' } })).toEqual([
      'warn',
    ]);
  });
});
