import type { ConnectionOptions as TlsOptions } from 'node:tls';
import {
  type Admin,
  type Broker,
  type ConsumerOptions,
  type GroupConsumer,
  type Log,
  LoopConsumer,
  type Producer,
} from '@convergekit/broker/engine';
import { systemRandom } from '@convergekit/core';
import { Cluster } from './cluster.ts';
import type { ConnectionLayer, ConnectionOptions, SaslOptions } from './connection.ts';
import { withLogin } from './login.ts';
import { refuseUnsafe } from './safe-settings.ts';
import { WireAdmin } from './wire-admin.ts';
import { WireLink } from './wire-link.ts';
import { WireProducer } from './wire-producer.ts';

export interface KafkaOptions {
  /** `host:port` of bootstrap brokers; the cluster's metadata names the others. */
  readonly brokers: readonly string[];
  /** The name of this client in the brokers' logs and quotas, such as the service's. */
  readonly clientId: string;
  /** `rejectUnauthorized: false` is refused unless NODE_ENV is development or test. @default none: plain TCP */
  readonly ssl?: boolean | TlsOptions;
  /** `plain` and `oauthbearer` without TLS are refused unless NODE_ENV is development or test. @default none */
  readonly sasl?: SaslOptions;
  /** Receives failures of consumers (warn) and messages of the client library (debug). @default nothing is logged */
  readonly log?: Log;
  /**
   * The time limit of opening a connection with TLS and login, in milliseconds. Raise it for distant brokers. @default
   * 3_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * The time after which the outcome of an unanswered request counts as unknown, in milliseconds. The broker abandons a
   * write at half of this time. @default 10_000
   */
  readonly requestTimeoutMs?: number;
  /**
   * Maps a broker's advertised address (`host:port`) to a reachable one: tunnels, port forwarding.
   * @default the address itself
   */
  readonly reachAt?: (address: string) => string;
  /**
   * The largest decompressed size of a batch of another producer, bytes. A larger one is not decoded: consumers record
   * it as one dead letter. @default 67_108_864
   */
  readonly maxBatchBytes?: number;
}

const DEFAULTS = { requestTimeoutMs: 10_000, reachAt: (address: string) => address };

/** Kafka over the connections of any driver. Opening a client rejects with a BrokerError when no broker is reachable. */
export class WireBroker implements Broker {
  readonly driver: string;
  readonly #options: typeof DEFAULTS & KafkaOptions;
  readonly #layer: ConnectionLayer;
  readonly #consumers = new Set<GroupConsumer>();
  readonly #clusters = new Set<Cluster>();

  constructor(driver: string, options: KafkaOptions, layer: (options: ConnectionOptions) => ConnectionLayer) {
    refuseUnsafe(options);
    this.driver = driver;
    this.#options = { ...DEFAULTS, ...options };
    const { clientId, ssl = false, sasl = null, connectTimeoutMs = 3_000 } = options;
    const opened = layer({
      clientId,
      ssl: ssl === true ? {} : ssl === false ? null : ssl,
      connectTimeoutMs,
      requestTimeoutMs: this.#options.requestTimeoutMs,
    });
    this.#layer = withLogin(opened, { sasl, requestTimeoutMs: this.#options.requestTimeoutMs });
  }

  async producer(): Promise<Producer> {
    return new WireProducer(await this.#connected(), this.#options.requestTimeoutMs);
  }

  consumer(options: ConsumerOptions): GroupConsumer {
    const { groupId, topics, sessionTimeoutMs = 10_000 } = options;
    const { log, requestTimeoutMs, maxBatchBytes } = this.#options;
    // A silent coordinator must be abandoned before the session ends.
    const cluster = this.#cluster(Math.min(requestTimeoutMs, Math.max(sessionTimeoutMs / 2, 1_000)));
    const link = new WireLink({ cluster, groupId, topics, sessionTimeoutMs, maxBatchBytes });
    const consumer = new LoopConsumer({ ...options, sessionTimeoutMs, link, log });
    this.#consumers.add(consumer);
    const forget = (): boolean => this.#consumers.delete(consumer);
    void consumer.done.then(forget, forget);
    return consumer;
  }

  async admin(): Promise<Admin> {
    return new WireAdmin(await this.#connected(), this.#options.maxBatchBytes);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    for (const cluster of this.#clusters) cluster.close();
  }

  async #connected(): Promise<Cluster> {
    const cluster = this.#cluster(this.#options.requestTimeoutMs);
    try {
      await cluster.metadata([]);
      return cluster;
    } catch (error) {
      cluster.close();
      throw error;
    }
  }

  #cluster(requestTimeoutMs: number): Cluster {
    const { brokers, reachAt } = this.#options;
    const cluster = new Cluster({
      brokers,
      reachAt,
      layer: this.#layer,
      requestTimeoutMs,
      onClose: (closed) => this.#clusters.delete(closed),
      random: systemRandom,
    });
    this.#clusters.add(cluster);
    return cluster;
  }
}
