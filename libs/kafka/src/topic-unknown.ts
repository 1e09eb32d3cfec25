import { BrokerError } from './broker.ts';

export function topicUnknown(topic: string): BrokerError {
  return new BrokerError(
    `topic ${topic} does not exist: create it (\`converge topics create\`), topics are never made by accident`,
    { code: 'TOPIC_UNKNOWN', kind: 'halt_topic', certainty: 'not_applied', topic },
  );
}
