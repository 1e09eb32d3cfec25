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

/** What differs in a cluster of several brokers: each record is on three of them, and two have it when it is acknowledged. */
export const KAFKA_CLUSTER_SETTINGS: Readonly<Record<string, string>> = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'unclean.leader.election.enable': 'false',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
  'replica.lag.time.max.ms': '8000', // a frozen follower leaves the in-sync replicas sooner than by the default of 30 s
};

/** The heap of one broker of a cluster: three fit beside Postgres and five services in 4 GiB. */
export const KAFKA_NODE_HEAP = '-Xmx320m';
