import { BrokerError, type OutgoingBatch } from './broker.ts';

/** For a later batch of a partition after an earlier one of the same send failed: written now, it would overtake. */
export function earlierFailed({ topic, partition }: OutgoingBatch): BrokerError {
  return new BrokerError(
    `not sent: an earlier batch of ${topic}/${partition} in the same send failed, and this one must not overtake it`,
    { code: 'EARLIER_BATCH_FAILED', kind: 'retry', certainty: 'not_applied', topic, partition },
  );
}

export function producerClosed({ topic, partition }: OutgoingBatch): BrokerError {
  return new BrokerError(`not sent to ${topic}/${partition}: the producer is closed; open a new one`, {
    code: 'PRODUCER_CLOSED',
    kind: 'new_producer',
    certainty: 'not_applied',
    topic,
    partition,
  });
}

export function noLeader({ topic, partition }: OutgoingBatch): BrokerError {
  return new BrokerError(
    `not sent to ${topic}/${partition}: the partition has no leader for the moment, or does not exist`,
    { code: 'LEADER_NOT_AVAILABLE', kind: 'retry', certainty: 'not_applied', topic, partition },
  );
}

export function batchEmpty({ topic, partition }: OutgoingBatch): BrokerError {
  return new BrokerError(`a batch for ${topic}/${partition} has no records: leave it out`, {
    code: 'BATCH_EMPTY',
    kind: 'fatal',
    certainty: 'not_applied',
    topic,
    partition,
  });
}

/** One error for several partitions, said again for each of them. */
export function placed(error: BrokerError, { topic, partition }: OutgoingBatch): BrokerError {
  if (error.topic === topic && error.partition === partition) return error;
  const { message, code, kind, certainty } = error;
  return new BrokerError(`writing to ${topic}/${partition} failed: ${message}`, {
    code,
    kind,
    certainty,
    topic,
    partition,
    cause: error,
  });
}
