import type { ConnectionOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import type { Admin, Broker, ConsumerOptions, GroupConsumer, Producer } from '../broker.ts';
import { LoopConsumer } from '../group/group-consumer.ts';
import type { Log } from '../group/link.ts';
import { Cluster } from './cluster.ts';
import { createLogger, type KafkaJsLogger, LEVELS } from './internals.ts';
import { KafkaJsAdmin } from './kafkajs-admin.ts';
import { KafkaJsLink } from './kafkajs-link.ts';
import { KafkaJsProducer } from './kafkajs-producer.ts';

export interface KafkaJsOptions {
  /** `host:port` of brokers to begin with; the cluster tells the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** @default none: plain TCP */
  readonly ssl?: boolean | ConnectionOptions;
  /** @default none */
  readonly sasl?: SASLOptions;
  /** Receives the consumers' troubles (warn), and what kafkajs itself says (debug). @default nothing is logged */
  readonly log?: Log;
  /** @default 3_000 */
  readonly connectTimeoutMs?: number;
  /** How long an answer may take before the outcome counts as unknown. The broker gives up on a write at half of it. @default 10_000 */
  readonly requestTimeoutMs?: number;
  /**
   * Where to reach a broker that calls itself by an address (`host:port`) of another network: tunnels, port forwarding.
   * @default the address itself
   */
  readonly reachAt?: (address: string) => string;
  /** Batches of one broker go together up to this size, bytes. @default 16_777_216 */
  readonly maxRequestBytes?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** Kafka by kafkajs's connections. Opening anything rejects with a BrokerError when no broker can be reached. */
export function kafkajsBroker(options: KafkaJsOptions): Broker {
  return new KafkaJsBroker(options);
}

class KafkaJsBroker implements Broker {
  readonly driver = 'kafkajs';
  readonly #options: KafkaJsOptions;
  readonly #logger: KafkaJsLogger;
  readonly #consumers = new Set<GroupConsumer>();
  readonly #clusters = new Set<Cluster>();

  constructor(options: KafkaJsOptions) {
    this.#options = options;
    this.#logger = loggerFor(options.log);
  }

  async producer(): Promise<Producer> {
    const { requestTimeoutMs = REQUEST_TIMEOUT_MS, maxRequestBytes = 16_777_216 } = this.#options;
    return new KafkaJsProducer(await this.#connected(), { requestTimeoutMs, maxRequestBytes });
  }

  consumer(options: ConsumerOptions): GroupConsumer {
    const { groupId, topics, sessionTimeoutMs = 10_000 } = options;
    const { log, requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    // A coordinator that has fallen silent must be given up before the session ends.
    const cluster = this.#cluster(Math.min(requestTimeoutMs, Math.max(sessionTimeoutMs / 2, 1_000)));
    const link = new KafkaJsLink({ cluster, groupId, topics, sessionTimeoutMs });
    const given = log === undefined ? {} : { log };
    const consumer = new LoopConsumer({ ...options, sessionTimeoutMs, link, ...given });
    this.#consumers.add(consumer);
    const forget = (): boolean => this.#consumers.delete(consumer);
    void consumer.done.then(forget, forget);
    return consumer;
  }

  async admin(): Promise<Admin> {
    return new KafkaJsAdmin(await this.#connected(), { topicReadyMs: 15_000 });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    for (const cluster of this.#clusters) cluster.close();
  }

  async #connected(): Promise<Cluster> {
    const cluster = this.#cluster(this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS);
    try {
      await cluster.metadata([]);
      return cluster;
    } catch (error) {
      cluster.close();
      throw error;
    }
  }

  #cluster(requestTimeoutMs: number): Cluster {
    const { brokers, clientId, ssl = false, sasl, reachAt, connectTimeoutMs = 3_000 } = this.#options;
    const cluster = new Cluster({
      brokers,
      reachAt: reachAt ?? ((address) => address),
      clientId,
      ssl: ssl === true ? {} : ssl === false ? null : ssl,
      sasl: sasl ?? null,
      connectTimeoutMs,
      requestTimeoutMs,
      logger: this.#logger,
      onClose: (closed) => this.#clusters.delete(closed),
    });
    this.#clusters.add(cluster);
    return cluster;
  }
}

/**
 * kafkajs writes to the console by default, and calls every refusal an error, also those that the protocol expects.
 * Each of them reaches its caller as a BrokerError, so its own words are for debugging only.
 */
function loggerFor(log: Log | undefined): KafkaJsLogger {
  return createLogger({
    level: log === undefined ? LEVELS.NOTHING : LEVELS.WARN,
    logCreator: () => (entry) => {
      const { message, ...details } = entry.log;
      log?.('debug', String(message), details);
    },
  });
}
