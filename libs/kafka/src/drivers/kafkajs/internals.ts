import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/**
 * The internals of kafkajs 2.2.4 that this driver uses: connections (TLS, version negotiation, request queue).
 * The public producer and consumer of kafkajs cannot keep the port's obligations: a produce response is thrown away as
 * soon as one partition failed, headers lose their order and cost quadratic time, one slow partition holds up all
 * others of its broker, and kafkajs retries by its own rules. kafkajs is pinned to one version and has not been
 * released since 2023; the types below describe the used parts.
 */
export interface KafkaJsConnection {
  readonly socket: Socket;
  readonly requestQueue: {
    push(request: {
      readonly entry: RequestEntry;
      readonly expectResponse: boolean;
      readonly requestTimeout: number;
      readonly sendRequest: () => void;
    }): void;
  };
  isConnected(): boolean;
  nextCorrelationId(): number;
  rejectRequests(error: Error): void;
  disconnect(): Promise<unknown>;
}

export interface RequestEntry {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly resolve: (response: { readonly payload: Buffer }) => void;
  readonly reject: (error: Error) => void;
}

interface ConnectionPool {
  readonly pool: readonly KafkaJsConnection[];
  getConnection(index: number): Promise<KafkaJsConnection>;
}

interface Broker {
  readonly versions: Readonly<
    Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  > | null;
  /** Connects and asks for the versions. */
  connect(): Promise<void>;
}

export interface KafkaJsLogger {
  readonly namespace: (name: string) => KafkaJsLogger;
}

interface PoolOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: ConnectionOptions | null;
  readonly sasl: null;
  readonly clientId: string;
  readonly socketFactory: (target: {
    host: string;
    port: number;
    ssl?: ConnectionOptions | null;
    onConnect: () => void;
  }) => Socket;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: true;
  readonly maxInFlightRequests: null;
  readonly logger: KafkaJsLogger;
  readonly reauthenticationThreshold: number;
}

interface RequestQueueClass {
  prototype: {
    pending: readonly unknown[];
    throttledUntil: number;
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(): void;
  };
}

const require = createRequire(import.meta.url);

export const ConnectionPoolClass = require('kafkajs/src/network/connectionPool') as new (
  options: PoolOptions,
) => ConnectionPool;

export const BrokerClass = require('kafkajs/src/broker') as new (options: {
  readonly connectionPool: ConnectionPool;
  readonly logger: KafkaJsLogger;
  readonly authenticationTimeout: number;
  readonly allowAutoTopicCreation: false;
}) => Broker;

export const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
  readonly LEVELS: { readonly NOTHING: 0; readonly ERROR: 1; readonly WARN: 2; readonly INFO: 4 };
  readonly createLogger: (options: {
    readonly level: number;
    readonly logCreator: () => (entry: { readonly log: Readonly<Record<string, unknown>> }) => void;
  }) => KafkaJsLogger;
};

const RequestQueue = require('kafkajs/src/network/requestQueue') as RequestQueueClass;

/**
 * kafkajs arms a timer with a negative delay after every response although nothing waits: on Node 24 each is a
 * TimeoutNegativeWarning. A timer is due only while requests wait for the end of a throttle.
 */
RequestQueue.prototype.scheduleCheckPendingRequests = function (): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    Math.max(this.throttledUntil - Date.now(), 10),
  );
};
