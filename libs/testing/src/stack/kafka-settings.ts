/** The broker's settings that are not defaults, the same for each way to run it. */
export const KAFKA_BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false', // a misspelt topic is an error, not a new topic
  'offsets.topic.num.partitions': '4', // 50 would be made one by one at the first consumer
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0', // no 3 s wait before a test's first consumer gets its partitions
  'group.min.session.timeout.ms': '500', // a member that died is missed in a second instead of in six
  // After SIGKILL it is back sooner than by the default of 9 s. With 1 s a machine that is busy for a second cost the only broker the
  // leadership of every partition.
  'broker.session.timeout.ms': '6000',
  'broker.heartbeat.interval.ms': '500',
};

/** The heap of a development broker. */
export const KAFKA_HEAP = '-Xmx512m';
