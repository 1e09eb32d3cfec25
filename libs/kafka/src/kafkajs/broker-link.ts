import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import { BrokerError } from '../broker.ts';
import { brokerErrorFrom, type ErrorContext, isProtocolError } from './errors.ts';
import {
  type Broker,
  BrokerClass,
  type Connection,
  type ConnectionPool,
  ConnectionPoolClass,
  type KafkaJsLogger,
} from './internals.ts';

export interface LinkOptions {
  readonly clientId: string;
  readonly ssl: ConnectionOptions | null;
  readonly sasl: SASLOptions | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly logger: KafkaJsLogger;
}

export interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly name: string;
  /** The body in pieces, so that record batches are not copied again. */
  readonly body: readonly Buffer[];
  /** Flexible versions end the request header with (empty) tagged fields. */
  readonly flexible?: boolean;
  readonly timeoutMs?: number;
  /** It changes something: when its answer is lost, nobody knows whether it did. */
  readonly writes?: true;
}

/** Fetches wait on the broker; they have a connection of their own so that nothing waits behind them. */
export type Lane = 'requests' | 'fetches';

/**
 * The connections to one broker. They are never mended: when one of them is lost the whole link is thrown away and
 * another made. kafkajs's own reconnecting races with its disconnecting.
 */
export class BrokerLink {
  readonly host: string;
  readonly port: number;
  readonly #options: LinkOptions;
  readonly #pool: ConnectionPool;
  readonly #broker: Broker;
  readonly #sockets = new Set<Socket>();
  readonly #lanes = new Map<Lane, Promise<Connection>>();
  #opening: Promise<void> | undefined;
  #lost = false;

  constructor(host: string, port: number, options: LinkOptions) {
    this.host = host;
    this.port = port;
    this.#options = options;
    this.#pool = new ConnectionPoolClass({
      host,
      port,
      ssl: options.ssl,
      // kafkajs writes into this object.
      sasl: options.sasl === null ? null : { ...options.sasl },
      clientId: options.clientId,
      socketFactory: (target) => this.#socket(target),
      connectionTimeout: options.connectTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      enforceRequestTimeout: true,
      maxInFlightRequests: null,
      logger: options.logger,
      reauthenticationThreshold: 10_000,
    });
    this.#broker = new BrokerClass({
      connectionPool: this.#pool,
      logger: options.logger,
      authenticationTimeout: 10_000,
      allowAutoTopicCreation: false,
    });
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** False once a connection of it was lost. */
  get usable(): boolean {
    return !this.#lost;
  }

  open(): Promise<void> {
    this.#opening ??= this.#broker.connect().catch((error: unknown) => {
      this.destroy();
      throw brokerErrorFrom(error, { doing: `connecting to ${this.address}` });
    });
    return this.#opening;
  }

  /** One of kafkajs's own requests. */
  async call<T>(doing: string, request: (broker: Broker) => Promise<T>): Promise<T> {
    await this.open();
    try {
      if (this.#lost) throw this.lostError();
      return await request(this.#broker);
    } catch (error) {
      throw this.#failure(error, { doing });
    }
  }

  /** Sends a request of our own encoding; resolves with the response's body. */
  async send(request: Request, lane: Lane = 'requests'): Promise<Buffer> {
    await this.open();
    const sent = { written: false };
    try {
      this.#checkVersion(request);
      const connection = await this.#lane(lane);
      await connection.authenticate();
      if (!this.usable) throw this.lostError();
      return await this.#transmit(connection, request, () => {
        sent.written = true;
      });
    } catch (error) {
      const doing = `${request.name} request to ${this.address}`;
      throw this.#failure(error, { doing, written: sent.written && request.writes === true });
    }
  }

  #transmit(connection: Connection, request: Request, onWritten: () => void): Promise<Buffer> {
    const correlationId = connection.nextCorrelationId();
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const { apiKey, apiVersion, name: apiName, timeoutMs } = request;
    connection.requestQueue.push({
      entry: {
        apiKey,
        apiName,
        apiVersion,
        correlationId,
        resolve: ({ payload }) => resolve(payload),
        reject,
      },
      expectResponse: true,
      requestTimeout: timeoutMs ?? null,
      sendRequest: () => {
        onWritten();
        connection.socket.cork();
        connection.socket.write(frameHeader(request, correlationId, this.#options.clientId));
        for (const part of request.body) connection.socket.write(part);
        connection.socket.uncork();
      },
    });
    return promise;
  }

  /** Ends it at once: requests in flight fail. */
  destroy(): void {
    this.#lost = true;
    for (const connection of this.#pool.pool) {
      connection.rejectRequests(this.lostError());
      void connection.disconnect().catch(() => undefined);
    }
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Named as kafkajs names it, so that one place decides what it means. */
  lostError(): Error {
    return Object.assign(new Error(`connection to ${this.address} closed`), {
      name: 'KafkaJSConnectionClosedError',
    });
  }

  /** A connection that swallowed one request would swallow the next too: it is not used again. */
  #failure(error: unknown, context: ErrorContext): BrokerError {
    const failure = brokerErrorFrom(error, context);
    if (failure.code === 'TIMEOUT' && failure.cause !== undefined && !isProtocolError(failure.cause))
      this.destroy();
    return failure;
  }

  #lane(lane: Lane): Promise<Connection> {
    const made = this.#lanes.get(lane) ?? this.#pool.getConnection(lane === 'requests' ? 0 : 1);
    this.#lanes.set(lane, made);
    return made;
  }

  #checkVersion({ apiKey, apiVersion, name }: Request): void {
    const range = this.#broker.versions?.[apiKey];
    if (range !== undefined && apiVersion >= range.minVersion && apiVersion <= range.maxVersion) return;
    const speaks =
      range === undefined ? 'does not know it' : `speaks ${range.minVersion} to ${range.maxVersion}`;
    throw new BrokerError(
      `${this.address} ${speaks}: version ${apiVersion} of ${name} is needed; Kafka 3.1 to 4.x have it`,
      { code: 'BROKER_TOO_OLD', kind: 'configuration', certainty: 'not_applied' },
    );
  }

  #socket(target: {
    host: string;
    port: number;
    ssl?: ConnectionOptions | null;
    onConnect: () => void;
  }): Socket {
    const { host, port, ssl, onConnect } = target;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket =
      ssl === null || ssl === undefined
        ? connectTcp({ host, port }, onConnect)
        : connectTls({ host, port, ...servername, ...ssl }, onConnect);
    // Without it small requests wait for the acknowledgement of the one before.
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (!this.#lost) this.destroy();
    });
    return socket;
  }
}

function frameHeader(
  { apiKey, apiVersion, body, flexible }: Request,
  correlationId: number,
  clientId: string,
): Buffer {
  const id = Buffer.from(clientId, 'utf8');
  const tags = flexible === true ? 1 : 0;
  const header = Buffer.alloc(14 + id.length + tags);
  header.writeInt32BE(header.length - 4 + body.reduce((sum, part) => sum + part.length, 0), 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(id.length, 12);
  id.copy(header, 14);
  return header;
}
