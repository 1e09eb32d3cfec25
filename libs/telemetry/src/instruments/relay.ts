import { attributeNames } from '../attributes.ts';
import { counter, duration, gauge, histogram } from '../instrument-definition.ts';

const { source, topic, alarm } = attributeNames;

const event = '{event}';

/** The instruments of relays. */
export const relayInstruments = {
  relayPublished: counter(
    'converge.relay.published',
    event,
    [source, topic],
    'Events acknowledged by the broker',
  ),
  relayTicks: counter('converge.relay.ticks', '{tick}', [source], 'Ticks made'),
  relayTickDuration: duration(
    'converge.relay.tick.duration',
    [source],
    'One poll, with its tick when it made one',
  ),
  relayPublishDuration: duration(
    'converge.relay.publish.duration',
    [source],
    'One send, from call to last acknowledgement',
  ),
  relayBatchSize: histogram('converge.relay.batch.size', event, [source], 'Events of one send'),
  relaySendFailures: counter(
    'converge.relay.send.failures',
    '{failure}',
    [source, topic],
    'Failed sends of a partition batch',
  ),
  relayLeader: gauge(
    'converge.relay.leader',
    '1',
    [source],
    '1 while this process holds the lease of the source',
  ),
  relayTakeovers: counter('converge.relay.takeovers', '{takeover}', [source], 'Leases taken by this process'),
  relayEpoch: gauge('converge.relay.epoch', '1', [source], 'Epoch of the source'),
  relayHaltedTopics: gauge(
    'converge.relay.halted_topics',
    '{topic}',
    [source],
    'Topics that wait for an operator',
  ),
  relayAlarm: gauge(
    'converge.relay.alarm',
    '1',
    [source, alarm],
    '1 while the alarm of this name is raised, else 0',
  ),
  relayHorizonBlockers: gauge(
    'converge.relay.horizon_blockers',
    '{transaction}',
    [source],
    'Open transactions that hold retention back',
  ),
} as const;
