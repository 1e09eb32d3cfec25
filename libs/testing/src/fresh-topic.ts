import { randomBytes } from 'node:crypto';
import { kafkaBroker } from '@convergekit/kafka';

export interface FreshTopicOptions {
  /** The number of partitions. Give 1 where a test needs one order of all events. @default 3 */
  readonly partitions?: number;
  /** Shows in the name. @default 'test' */
  readonly prefix?: string;
  /** The topic's settings, such as `{ 'retention.ms': '60000' }`. @default the broker's */
  readonly config?: Readonly<Record<string, string>>;
}

/**
 * Makes an empty topic on `brokers` (comma-separated `host:port`) and returns its name.
 * @example
 * ```ts
 * import { freshTopic } from '@convergekit/testing';
 *
 * const topic = await freshTopic('localhost:9092', { partitions: 1, prefix: 'orders' });
 * ```
 */
export async function freshTopic(
  brokers: string,
  { partitions = 3, prefix = 'test', config = {} }: FreshTopicOptions = {},
): Promise<string> {
  const name = `${prefix}-${randomBytes(6).toString('hex')}`;
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'converge-testing' });
  try {
    const admin = await broker.admin();
    await admin.createTopic({ name, partitions, config });
  } finally {
    await broker.close();
  }
  return name;
}
