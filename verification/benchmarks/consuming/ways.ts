import type { DriverName } from '@convergekit/kafka';

/**
 * Ways to turn a topic into rows. `each`: a statement per event; `batch`: a statement for all events of a slice.
 * converge   the kit as users run it: watermark, fence, middleware; `write`: a statement per event that is not awaited;
 *            `failing`: likewise, and every event of the keys in table `fault` fails
 * unsafe     the same kit, its statement of deduplication left out
 * bare       the same work by hand and no deduplication: the same driver, decoding, size of transactions
 * uuid       bare, and one inbox row per event, in the same transaction
 * kafkajs    plain kafkajs `eachMessage`, one inbox row and one transaction per event
 */
export type Way =
  | 'converge-each'
  | 'converge-write'
  | 'converge-batch'
  | 'converge-failing'
  | 'unsafe-each'
  | 'unsafe-batch'
  | 'bare-each'
  | 'bare-batch'
  | 'uuid-each'
  | 'uuid-batch'
  | 'kafkajs-each-message';

/** The task of the measured process, JSON in its first argument. */
export interface Orders {
  readonly way: Way;
  readonly topic: string;
  /** The consumer's name and Kafka group. */
  readonly group: string;
  readonly databaseUrl: string;
  readonly brokers: string;
  readonly driver: DriverName;
}

export type Stop = () => Promise<void>;
