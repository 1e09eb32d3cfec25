import { type Assignment, BrokerError } from './broker.ts';

export function topicUnknown(topic: string): BrokerError {
  return new BrokerError(
    `topic ${topic} does not exist: create it (\`converge topics create\`), topics are never made by accident`,
    { code: 'TOPIC_UNKNOWN', kind: 'halt_topic', certainty: 'not_applied', topic },
  );
}

export function leaderMissing({ topic, partition }: Assignment): BrokerError {
  return new BrokerError(`${topic}/${partition} has no leader for the moment`, {
    code: 'LEADER_NOT_AVAILABLE',
    kind: 'retry',
    certainty: 'not_applied',
    topic,
    partition,
  });
}

export function topicRecreated(topic: string): BrokerError {
  return new BrokerError(
    `topic ${topic} was deleted and made again: the offsets known here belong to the old log. Decide where its consumers begin, then start them again`,
    { code: 'TOPIC_RECREATED', kind: 'fatal', certainty: 'not_applied', topic },
  );
}
