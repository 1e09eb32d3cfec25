import { BrokerError, type NewTopic } from '@convergekit/broker/engine';

/** The part of a topic's configuration that local mode acts on; the rest is kept and shown. */
export interface TopicSettings {
  readonly maxBytes: number;
  /** The minimum time that records are kept, in milliseconds; -1 = for ever. */
  readonly retentionMs: number;
  readonly config: Readonly<Record<string, string>>;
}

/** As Kafka's, so that a topic that moves to Kafka takes the same records. */
const DEFAULTS = {
  'cleanup.policy': 'delete',
  'min.insync.replicas': '1',
  'max.message.bytes': '1048588',
  'retention.ms': '604800000',
} as const;

/** A batch is one value of a row, which is written as hex of twice its length into one string of at most 512 MB. */
const MOST_BYTES = 134_217_728;

/** Reads the configuration of a new topic. Rejects what local mode cannot do. The function is pure. */
export function topicSettings({ name, partitions, config: given = {} }: NewTopic): TopicSettings {
  const config: Readonly<Record<string, string>> = { ...DEFAULTS, ...given };
  if (!/^[\w.-]{1,249}$/.test(name) || !isWithin(partitions, 1, 10_000))
    throw invalid(
      name,
      `has ${partitions} partitions: a name has 1 to 249 of [A-Za-z0-9_.-], and a topic 1 to 10,000 partitions`,
    );
  if (config['cleanup.policy'] !== 'delete')
    throw invalid(name, `has cleanup.policy ${config['cleanup.policy'] ?? ''}: local mode knows delete only`);
  const maxBytes = Number(config['max.message.bytes']);
  if (!isWithin(maxBytes, 1, MOST_BYTES))
    throw invalid(name, `has max.message.bytes ${maxBytes}: give 1 to ${MOST_BYTES}`);
  const retentionMs = Number(config['retention.ms']);
  if (!isWithin(retentionMs, -1, Number.MAX_SAFE_INTEGER))
    throw invalid(name, `has retention.ms ${retentionMs}: give milliseconds, or -1 for no end`);
  return { maxBytes, retentionMs, config };
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function invalid(topic: string, why: string): BrokerError {
  const text = `topic ${topic} cannot be created in the local log: it ${why}`;
  return new BrokerError(text, { code: 'TOPIC_INVALID', kind: 'configuration', topic });
}
